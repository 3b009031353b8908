"""The MLflow view: what it holds, that it is rebuilt in one step, and that a server others use gets no doubles."""

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import synthetic
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from suite.assess import assess
from suite.errors import SuiteError
from suite.judge import Region
from suite.show.mlflow import ui, view, writer
from suite.show.mlflow.names import flatten, safe_name, unique
from suite.show.mlflow.rows import method_name, rows
from suite.show.mlflow.view import built, database, export, sync
from suite.show.mlflow.views import links, run_filter

pytest.importorskip("mlflow")

PROFILE = replace(synthetic.PROFILE, seeds=(0, 1))
EXPERIMENT = "fake (arXiv 2501.00001)"
CELLS = 2 * (1 + 3)  # by seed: the network, "high", "higher" and "low"


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """A migrated database: migrating takes ten seconds, copying none."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    writer.write(f"sqlite:///{path}", (), {})
    return path


@pytest.fixture
def root(tmp_path, empty, monkeypatch):
    """An evidence root; every new database starts as a copy of the empty one."""
    monkeypatch.setattr(view, "_start_from_empty", lambda _, path: shutil.copyfile(empty, path))
    return tmp_path / "evidence"


def two(key="made_up", **changes):
    criteria = (synthetic.criterion("holds", "high"), synthetic.criterion("vacuous", "high", control="higher"))
    return synthetic.claim(key, tuple(replace(criterion, **changes) for criterion in criteria))


def judged(root, *claims, profile=PROFILE):
    evidence = synthetic.evidence(root, ("high", "higher", "low"), profile)
    return assess(claims or (two(),), evidence)


class View:
    """The view as a user of MLflow's own client sees it."""

    def __init__(self, root):
        self.root = root

    def __enter__(self):
        self._quiet = writer.quiet()
        self._quiet.__enter__()
        from mlflow import MlflowClient

        self.client = MlflowClient(tracking_uri=f"sqlite:///{database(self.root)}")
        return self

    def __exit__(self, *exception):
        self.client._tracking_client.store.engine.dispose()
        self._quiet.__exit__(*exception)

    def runs(self, matching="", experiment=EXPERIMENT):
        identifier = self.client.get_experiment_by_name(experiment).experiment_id
        return {run.data.tags["key"]: run for run in self.client.search_runs([identifier], matching)}

    def run(self, start):
        return next(run for key, run in self.runs().items() if key.startswith(start))


def test_the_view_holds_cells_and_verdicts(root):
    done = sync(root, judged(root))
    assert (done.created, done.replaced, done.unchanged) == (CELLS + 2, 0, 0)
    with View(root) as view:
        runs = view.runs()
        assert len(runs) == CELLS + 2
        cell = next(run for run in runs.values() if run.info.run_name == "measure high, seed 1")
        tags = cell.data.tags
        assert (tags["kind"], tags["study"], tags["seed"], tags["scope"]) == ("cell", "measured", "1", "proxy")
        assert (tags["method"], tags["profile"], tags["claims"]) == ("measure high", "tiny", "|made_up|")
        assert cell.data.params["method.name"] == "high"
        assert cell.data.params["method.options.layers"] == "[1, 2]"
        assert cell.data.params["recipe.lr_peak _x_"] == "0.001"
        assert cell.data.metrics["value"] == pytest.approx(synthetic.value("high", 1))
        assert "layers" not in cell.data.metrics
        history = view.client.get_metric_history(cell.info.run_id, "top1_5 _val_")
        assert [(point.step, point.value) for point in history] == [(1, 10.0), (2, 20.0), (3, 30.0)]
        assert cell.info.end_time - cell.info.start_time == 4000
        dataset = cell.inputs.dataset_inputs[0].dataset
        assert (dataset.name, dataset.digest) == ("digits", ("ab" * 32)[:36])

        summary = view.run("made_up.holds@tiny")
        assert summary.data.tags["kind"] == "summary"
        assert summary.data.metrics["published"] == 0.25
        assert summary.data.metrics["difference"] == pytest.approx(summary.data.metrics["mean"] - 0.25)
        assert summary.data.metrics["low"] < summary.data.metrics["mean"] < summary.data.metrics["high"]
        assert summary.data.metrics["n"] == 2
        note = summary.data.tags["mlflow.note.content"]
        card = "(/report/index.html#made_up.holds.tiny)"
        for part in ("at least 0.14", "Table 1", "≥ 0.14 bits", summary.data.tags["verdict"], card):
            assert part in note
        assert "(/report/index.html#claim-made_up)" in tags["mlflow.note.content"]
        assert summary.info.run_name == "holds · made_up (tiny)"
        shown = [summary.data.tags[name] for name in ("printed", "claimed")]
        assert shown == ["0.25 bits", "≥ 0.14 bits"]
        assert re.fullmatch(r"0\.\d+ \[.*, .*\] bits", summary.data.tags["measured"])
        text = mlflow_client_text(view, summary)
        assert json.loads(text)["verdict"] == summary.data.tags["verdict"]


def mlflow_client_text(view, run):
    folder = view.root / "mlflow" / "artifacts" / "fake" / run.info.run_id / "artifacts"
    assert run.info.artifact_uri == folder.resolve().as_uri()
    return (folder / "verdict.json").read_text()


def rows_in(root):
    """Everything the database holds, table by table."""
    with closing(sqlite3.connect(database(root))) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(map(repr, connection.execute(f"SELECT * FROM [{name}]"))) for name in tables}  # noqa: S608


def test_what_is_up_to_date_is_left_alone_and_mlflow_not_loaded(root, monkeypatch):
    sync(root, judged(root))
    before = rows_in(root)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert sync(root, judged(root)) is None
    assert rows_in(root) == before


@pytest.mark.parametrize("change", ["verdict", "figure", "selection", "folder", "database"])
def test_whatever_a_reader_could_see_leads_to_a_rebuild(root, tmp_path, change):
    draw(root)
    sync(root, judged(root))
    assessments = judged(root)
    if change == "verdict":
        assessments = judged(root, two(region=Region.at_least(0.45)))
    elif change == "figure":
        draw(root, "<svg>anew</svg>")
    elif change == "selection":
        assessments = assessments[:1]
    elif change == "folder":
        root = root.rename(tmp_path / "elsewhere")
        assessments = judged(root)
    else:
        database(root).unlink()
    assert sync(root, assessments) is not None
    with View(root) as found:
        text = mlflow_client_text(found, found.run("made_up.holds@tiny"))
    assert json.loads(text)["verdict"] == str(assessments[0].verdict)


def test_a_changed_verdict_is_seen_in_summary_cells_and_document(root):
    sync(root, judged(root))
    sync(root, judged(root, two(region=Region.at_least(0.45))))
    with View(root) as found:
        after = found.run("made_up.holds@tiny")
        word = after.data.tags["verdict"]
        assert word in {"not seen here", "inconclusive"}
        assert f"**{word}**" in after.data.tags["mlflow.note.content"]
        assert json.loads(mlflow_client_text(found, after))["verdict"] == word
        cell = found.run("measured-")
        assert len(found.client.get_metric_history(cell.info.run_id, "loss")) == 3


def test_numbers_that_are_no_longer_known_do_not_linger(root):
    sync(root, judged(root))
    sync(root, judged(root, two(evidence=synthetic.reading("broken"))))
    with View(root) as found:
        summary = found.run("made_up.holds@tiny")
        assert summary.data.tags["verdict"] == "not run"
        assert set(summary.data.metrics) == {"published"}


def test_claims_that_share_cells_are_both_named_on_them(root):
    sync(root, judged(root, two("first"), two("second")))
    with View(root) as found:
        assert found.run("measured-").data.tags["claims"] == "|first|second|"
        cells = [run for run in found.runs(run_filter("first")).values() if run.data.tags["kind"] == "cell"]
        assert len(cells) == CELLS
        assert len(found.runs(run_filter("first"))) == CELLS + 2
        assert not found.runs(run_filter("irst"))
        assert len(found.runs("tags.claim = 'second'")) == 2


def test_changed_profiles_have_runs_of_their_own(root):
    sync(root, [*judged(root), *judged(root, profile=PROFILE.with_seeds(3))])
    with View(root) as view:
        assert view.run("made_up.holds@tiny (3 seeds)").data.metrics["n"] == 3
        assert view.runs()["made_up.holds@tiny"].data.metrics["n"] == 2


def test_each_paper_has_its_experiment(root):
    other = replace(two("other"), papers=(synthetic.SECOND,))
    done = sync(root, judged(root, two(), other))
    assert len(set(done.experiments.values())) == 2
    with View(root) as view:
        assert len(view.runs(experiment="second (arXiv 2501.00002)")) == CELLS + 2


def test_a_rebuild_replaces_everything_under_the_eyes_of_a_reader(root):
    sync(root, judged(root, two("old")))
    with closing(sqlite3.connect(database(root))) as reader:
        names = "SELECT value FROM tags WHERE key = 'claims'"
        assert set(reader.execute(names)) == {("|old|",)}
        sync(root, judged(root, two("new")), rebuild=True)
        assert set(reader.execute(names)) == {("|new|",)}
    with View(root) as view:
        kept = {run.info.run_id for run in view.runs().values()}
    files = {path.name for path in (root / "mlflow" / "artifacts" / "fake").iterdir()}
    assert len(files) == 2
    assert files < kept
    assert not list((root / "mlflow").glob("building-*"))


def test_a_rebuild_that_crashes_loses_nothing(root, monkeypatch):
    sync(root, judged(root))
    before = rows_in(root)

    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(writer._Store, "create", crash)
        with pytest.raises(KeyboardInterrupt):
            sync(root, judged(root), rebuild=True)
    assert rows_in(root) == before
    with View(root) as view:
        mlflow_client_text(view, view.run("made_up.holds@tiny"))


def test_what_is_no_database_is_replaced(root):
    sync(root, judged(root))
    database(root).write_bytes(b"not a database, by far" * 100)
    assert sync(root, judged(root), rebuild=True).created == CELLS + 2
    assert sync(root, judged(root)) is None


def test_one_writer_at_a_time(root, monkeypatch):
    monkeypatch.setattr(view, "_PATIENCE", 0.0)
    sync(root, judged(root))
    with FileLock(root / "mlflow" / "lock"), pytest.raises(SuiteError, match="another process"):
        sync(root, judged(root))


@pytest.mark.parametrize("module", ["mlflow", "sqlalchemy"])
def test_without_mlflow_it_says_which_extra_to_install(root, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SuiteError, match=r"pip install -e '\.\[mlflow\]'"):
        sync(root, judged(root))


def test_the_ui_runs_alone_on_this_machine(root):
    command, environment = ui.ui_command(root, port=5050)
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert command[1:4] == ["-m", "mlflow", "server"]
    assert options["--backend-store-uri"] == f"sqlite:///{database(root)}"
    assert (options["--host"], options["--port"], options["--workers"]) == ("127.0.0.1", "5050", "1")
    assert options["--app-name"] == "vit-distillation-claims"
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert environment["SUITE_UI_EVIDENCE"] == str(root.resolve())


def test_links_lead_to_prepared_views_of_the_claims_runs(root):
    done = sync(root, judged(root))
    experiment = done.experiments[EXPERIMENT]
    found = links(experiment, "made_up", base="http://127.0.0.1:5050")
    wanted = {"side by side": ("TABLE", 2, "summary"), "charts by method": ("CHART", CELLS, "cell")}
    assert found.keys() == wanted.keys()
    with View(root) as view:
        tags = view.client.get_experiment(experiment).tags
        for name, (mode, count, kind) in wanted.items():
            page = urlsplit(found[name])
            assert page.netloc == "127.0.0.1:5050"
            path, _, query = page.fragment.partition("?")
            assert path == f"/experiments/{experiment}/runs"
            asked = parse_qs(query)
            assert asked["compareRunsMode"] == [mode]
            assert "searchFilter" not in asked  # the UI ignores a prepared view beside a filter
            state = json.loads(tags[f"mlflow.sharedViewState.{asked['viewStateShareKey'][0]}"])
            runs = view.runs(state["searchFilter"]).values()
            assert len(runs) == count
            assert {run.data.tags["kind"] for run in runs} == {kind}
            if kind == "cell":
                assert state["groupBy"]["groupByKeys"] == [{"mode": "tag", "groupByData": "method"}]
            else:
                summary = next(iter(runs))
                stored = {f"tags.`{name}`" for name in summary.data.tags} | {
                    f"metrics.`{name}`" for name in summary.data.metrics
                }
                assert set(state["selectedColumns"]) - {"attributes.`Run Name`"} <= stored


def test_the_links_are_of_the_claim_that_compares_most_methods(root, capsys):
    few = synthetic.claim("few", (synthetic.criterion("holds", "high"),))
    sync(root, judged(root, few, two("many")))
    page = root / "report" / "index.html"
    page.parent.mkdir()
    page.touch()
    ui.print_links(root, port=1, claims=["few", "many", "never_synced"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": http://127.0.0.1:1/")[0] for line in lines[:-1]] == [
        "many, side by side",
        "many, charts by method",
        "the report page",
    ]
    assert lines[-1] == "another claim: add -k CLAIM"
    ui.print_links(root, port=1, claims=["few"])
    assert "few, side by side" in capsys.readouterr().out
    with pytest.raises(SuiteError, match="compute and judge them first"):
        ui.print_links(root, port=1, claims=["never_synced"])


# ---------------------------------------------------------------- files of the runs


def draw(root, text="<svg/>", name="made_up.holds.tiny"):
    folder = root / "report" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for ending in ("svg", "png"):
        (folder / f"{name}.{ending}").unlink(missing_ok=True)
        (folder / f"{name}.{ending}").write_text(f"{text} {ending}")


def files_of(root, key):
    with View(root) as view:
        run = view.runs()[key]
        names = [(run.info.run_id, entry.path) for entry in view.client.list_artifacts(run.info.run_id)]
        names += [(run.info.run_id, entry.path) for entry in view.client.list_artifacts(run.info.run_id, "figures")]
    folder = root / "mlflow" / "artifacts" / "fake"
    found = {name: folder / run / "artifacts" / name for run, name in names}
    return {name: path.read_text() for name, path in found.items() if path.is_file()}


def test_a_summary_run_has_its_figure_and_its_verdict(root):
    draw(root)
    sync(root, judged(root))
    found = files_of(root, "made_up.holds@tiny")
    figure = "figures/made_up.holds.tiny"
    assert found.keys() == {"verdict.json", f"{figure}.svg", f"{figure}.png"}
    assert found[f"{figure}.svg"] == "<svg/> svg"
    assert files_of(root, "made_up.vacuous@tiny").keys() == {"verdict.json"}


# ---------------------------------------------------------------- beside other programs


def test_experiments_keep_their_ids_in_a_rebuild(root):
    first, second = two(), replace(two("other"), papers=(synthetic.SECOND,))
    before = sync(root, judged(root, second)).experiments
    both = sync(root, judged(root, first, second)).experiments
    assert both.items() > before.items()
    assert built(root)["experiments"] == both
    assert built(root)["claims"]["other"]["experiment"] == both["second (arXiv 2501.00002)"]


def test_what_is_not_there_was_built_from_nothing(root):
    assert built(root) == {}


# ---------------------------------------------------------------- a server that others use


@pytest.fixture(scope="module")
def server(tmp_path_factory, empty):
    """A real MLflow server on this machine; its address."""
    place = tmp_path_factory.mktemp("server")
    shutil.copyfile(empty, place / "store.db")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command, more = ui.ui_command(place, port=port)
    command[command.index("--backend-store-uri") + 1] = f"sqlite:///{place / 'store.db'}"
    del command[command.index("--app-name") : command.index("--app-name") + 2]
    with (
        (place / "log.txt").open("w") as log,
        subprocess.Popen(command, env=os.environ | more, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        try:
            for _ in range(600):
                if ui.answers(port) or process.poll() is not None:
                    break
                time.sleep(0.2)
            assert process.poll() is None, (place / "log.txt").read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def server_runs(address):
    with writer.quiet():
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=address)
        identifier = client.get_experiment_by_name(EXPERIMENT).experiment_id
        return client, list(client.search_runs([identifier]))


def test_a_server_gets_every_run_once_whatever_interrupts(root, server, monkeypatch):
    draw(root)
    log, calls = writer._Store.create, []

    def interrupted(store, experiment, row, content):
        if len(calls) == CELLS - 1:  # the last run is left half written
            store.client.create_run(experiment, tags={"key": row.key, "content": content})
            raise KeyboardInterrupt
        calls.append(1)
        log(store, experiment, row, content)

    with monkeypatch.context() as patch:
        patch.setattr(writer._Store, "create", interrupted)
        with pytest.raises(KeyboardInterrupt):
            export(server, root, judged(root))
    client, _ = server_runs(server)
    mine = client.create_run(client.get_experiment_by_name(EXPERIMENT).experiment_id, run_name="somebody else's")
    done = export(server, root, judged(root))
    assert (done.created, done.replaced, done.unchanged) == (2, 1, CELLS - 1)
    client, runs = server_runs(server)
    keys = [run.data.tags.get("key", "") for run in runs]
    assert len(keys) == len(set(keys)) == CELLS + 3
    assert mine.info.run_id in {run.info.run_id for run in runs}
    summary = next(run for run in runs if run.data.tags.get("key") == "made_up.holds@tiny")
    figures = [entry.path for entry in client.list_artifacts(summary.info.run_id, "figures")]
    assert figures == ["figures/made_up.holds.tiny.png", "figures/made_up.holds.tiny.svg"]
    again = export(server, root, judged(root))
    assert (again.created, again.replaced, again.unchanged) == (0, 0, CELLS + 2)


def test_a_server_that_is_not_there_is_named(root, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(SuiteError, match=r"cannot write to http://127\.0\.0\.1:9"):
        export("http://127.0.0.1:9", root, judged(root))


def test_methods_are_told_apart_by_everything_but_the_seed(root):
    found = {row.tags["method"] for row in rows(judged(root)) if row.tags["kind"] == "cell"}
    assert found == {"train toy", "measure high", "measure higher", "measure low"}


def test_long_names_of_methods_are_shortened_and_stay_apart():
    names = [
        f"kd (student_layers {a}, teacher_layers {b}) -> tiny" for a in ("[-1]", "[0, -1]") for b in ("[-1]", "[0]")
    ]
    assert [method_name(name) for name in names] == [
        "kd (layers [-1]) -> tiny",
        "kd (layers [-1] of [0]) -> tiny",
        "kd (layers [0, -1] of [-1]) -> tiny",
        "kd (layers [0, -1] of [0]) -> tiny",
    ]


@given(st.text(max_size=30) | st.text(alphabet="a./ @", max_size=6))
def test_every_safe_name_is_accepted(text):
    with writer.quiet():
        from mlflow.utils.validation import _validate_metric_name, _validate_param

    _validate_metric_name(safe_name(text))
    _validate_param(safe_name(text), "value")


@given(st.lists(st.text(alphabet="a@#_2/", max_size=4), unique=True, max_size=8))
def test_names_that_differ_stay_different(names):
    assert len(set(unique(names).values())) == len(names)


def test_settings_are_flattened_to_their_leaves():
    assert flatten({"a": {"b": 1, "c": [1, 2]}, "d": "x"}) == {"a.b": 1, "a.c": [1, 2], "d": "x"}
