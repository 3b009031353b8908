"""The UI's web application: MLflow's own, with the report page beside it under ``/report/``.

Run and card can then point at each other: a browser follows no link from a server's page to a file on disk.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from suite.show.links import CLAIMS, REPORT
from suite.show.mlflow.views import links

NAME = "vit-distillation-claims"  # of the entry point in the group mlflow.app
EVIDENCE = "SUITE_UI_EVIDENCE"
ASKED = "/suite-evidence"  # answers which evidence is served


def create_app() -> Any:
    """MLflow's application with the report page of the evidence folder that ``$SUITE_UI_EVIDENCE`` names."""
    from mlflow.server.fastapi_app import app  # noqa: PLC0415 - takes seconds
    from starlette.responses import PlainTextResponse, RedirectResponse, Response  # noqa: PLC0415
    from starlette.routing import Mount, Route  # noqa: PLC0415
    from starlette.staticfiles import StaticFiles  # noqa: PLC0415

    root = Path(os.environ[EVIDENCE])

    def asked(_: Any) -> Any:
        return PlainTextResponse(str(root))

    def icon(_: Any) -> Any:  # browsers ask for one, and complain when there is none
        return Response(status_code=204)

    def claim(request: Any) -> Any:
        key, claims = request.path_params["claim"], {}
        with contextlib.suppress(OSError, ValueError):
            claims = json.loads((root / "mlflow" / "built.json").read_text(encoding="utf-8"))["claims"]
        if key not in claims:
            return PlainTextResponse(f"the view holds no claim {key}", status_code=404)
        return RedirectResponse(links(claims[key]["experiment"], key, base="")["side by side"])

    page = StaticFiles(directory=root / "report", html=True, check_dir=False)
    claims = Route(f"{CLAIMS}/{{claim}}", claim)
    # MLflow answers every address that is left, so these come first.
    app.router.routes[:0] = [Route(ASKED, asked), Route("/favicon.ico", icon), claims, Mount(REPORT, page)]
    return app
