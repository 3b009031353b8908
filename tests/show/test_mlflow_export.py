"""The MLflow view: what it holds, that it can be brought up to date and rebuilt, and that nothing is lost."""

import json
import shutil
import sqlite3
import sys
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
from suite.show import mlflow_client, mlflow_current, mlflow_export
from suite.show.mlflow_export import database, sync
from suite.show.mlflow_names import flatten, listed, safe_name, unique, unlisted
from suite.show.mlflow_rows import rows
from suite.show.mlflow_ui import links, run_filter, ui_command

pytest.importorskip("mlflow")

PROFILE = replace(synthetic.PROFILE, seeds=(0, 1))
EXPERIMENT = "fake (arXiv 2501.00001)"
CELLS = 2 * (1 + 3)  # by seed: the network, "high", "higher" and "low"


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A migrated database: migrating takes ten seconds, copying none."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    with mlflow_client.quiet(), mlflow_client.opened(path):
        pass
    return path


@pytest.fixture
def root(tmp_path, template, monkeypatch):
    """An evidence root; every new database starts as a copy of the template."""
    opened = mlflow_client.opened

    def quickly(path):
        if not path.exists():
            shutil.copy(template, path)
        return opened(path)

    monkeypatch.setattr(mlflow_export, "opened", quickly)
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
        self._quiet = mlflow_client.quiet()
        self._quiet.__enter__()
        from mlflow import MlflowClient

        self.client = MlflowClient(tracking_uri=mlflow_client.uri(database(self.root)))
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
    assert (done.created, done.updated, done.unchanged) == (CELLS + 2, 0, 0)
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
        for part in ("at least 0.14", "Table 1", "≥ 0.14 bits", summary.data.tags["verdict"]):
            assert part in note
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


def test_syncing_twice_changes_nothing(root):
    sync(root, judged(root))
    before = rows_in(root)
    done = sync(root, judged(root))
    assert (done.created, done.updated, done.unchanged) == (0, 0, CELLS + 2)
    assert rows_in(root) == before


def test_a_changed_verdict_updates_the_same_run(root):
    sync(root, judged(root))
    with View(root) as view:
        before = view.run("made_up.holds@tiny")
    assert before.data.tags["verdict"] != "contradicted"
    done = sync(root, judged(root, two(region=Region.at_least(0.9))))
    assert done.created == 0
    with View(root) as view:
        after = view.run("made_up.holds@tiny")
        assert after.info.run_id == before.info.run_id
        assert after.data.tags["verdict"] == "contradicted"
        assert "**contradicted**" in after.data.tags["mlflow.note.content"]
        assert json.loads(mlflow_client_text(view, after))["verdict"] == "contradicted"
        cell = view.run("measured-")
        assert cell.data.tags["verdict.made_up"] == "contradicted"
        assert len(view.client.get_metric_history(cell.info.run_id, "loss")) == 3


def test_numbers_that_are_no_longer_known_do_not_linger(root):
    sync(root, judged(root))
    missing = two(evidence=synthetic.reading("broken"))
    sync(root, judged(root, missing))
    with View(root) as view:
        summary = view.run("made_up.holds@tiny")
        assert summary.data.tags["verdict"] == "not run"
        assert set(summary.data.metrics) == {"published"}


def test_a_run_half_written_by_a_crash_is_written_again(root, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    sync(root, judged(root, synthetic.claim("other", (synthetic.exact(),))))  # the database is there
    with monkeypatch.context() as patch:
        patch.setattr(mlflow_client.Client, "keep", crash)
        with pytest.raises(KeyboardInterrupt):
            sync(root, judged(root))
    with View(root) as view:
        assert any(run.info.status != "FINISHED" for run in view.runs().values())
    sync(root, judged(root))
    with View(root) as view:
        runs = view.runs()
        assert len(runs) == CELLS + 3
        assert {run.info.status for run in runs.values()} == {"FINISHED"}
        history = view.client.get_metric_history(view.run("measured-").info.run_id, "loss")
        assert len(history) == 3


def test_claims_share_cells_and_are_synced_apart(root):
    first, second = two("first"), two("second")
    sync(root, judged(root, first))
    sync(root, judged(root, second))
    with View(root) as view:
        assert view.run("measured-").data.tags["claims"] == "|first|second|"
        cells = [run for run in view.runs(run_filter("first")).values() if run.data.tags["kind"] == "cell"]
        assert len(cells) == CELLS
        assert len(view.runs(run_filter("first"))) == CELLS + 2
        assert not view.runs(run_filter("irst"))
        assert len(view.runs("tags.claim = 'second'")) == 2


def test_a_cell_a_claim_no_longer_stands_on_leaves_its_view(root):
    sync(root, judged(root))
    only_first = synthetic.claim("made_up", (synthetic.criterion("holds", "high"),))
    sync(root, judged(root, only_first))
    with View(root) as view:
        gone = next(run for run in view.runs().values() if run.info.run_name == "measure higher, seed 0")
        kept = next(run for run in view.runs().values() if run.info.run_name == "measure high, seed 0")
        assert (gone.data.tags["claims"], "verdict.made_up" in gone.data.tags) == ("|", False)
        assert (kept.data.tags["claims"], "verdict.made_up" in kept.data.tags) == ("|made_up|", True)


def test_changed_profiles_have_runs_of_their_own(root):
    sync(root, judged(root))
    done = sync(root, judged(root, profile=PROFILE.with_seeds(3)))
    assert done.created == 3 * (1 + 3) + 2
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
        patch.setattr(mlflow_client.Client, "keep", crash)
        with pytest.raises(KeyboardInterrupt):
            sync(root, judged(root), rebuild=True)
    assert rows_in(root) == before
    with View(root) as view:
        mlflow_client_text(view, view.run("made_up.holds@tiny"))


def test_a_moved_folder_is_noticed(root, tmp_path):
    sync(root, judged(root))
    moved = tmp_path / "elsewhere"
    root.rename(moved)
    sync(moved, judged(moved))
    with View(moved) as view:
        mlflow_client_text(view, view.run("made_up.holds@tiny"))


def test_what_is_no_database_is_named_and_can_be_rebuilt(root):
    sync(root, judged(root))
    database(root).write_bytes(b"not a database, by far" * 100)
    with pytest.raises(SuiteError, match="sync --rebuild"):
        sync(root, judged(root))
    assert sync(root, judged(root), rebuild=True).created == CELLS + 2
    assert sync(root, judged(root)).unchanged == CELLS + 2


def test_one_writer_at_a_time(root, monkeypatch):
    monkeypatch.setattr(mlflow_export, "_PATIENCE", 0.0)
    sync(root, judged(root))
    with FileLock(root / "mlflow" / "lock"), pytest.raises(SuiteError, match="another process"):
        sync(root, judged(root))


@pytest.mark.parametrize("module", ["mlflow", "sqlalchemy"])
def test_without_mlflow_it_says_which_extra_to_install(root, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SuiteError, match=r"vit-distillation-claims\[mlflow\]"):
        sync(root, judged(root))


def test_the_ui_runs_alone_on_this_machine(root):
    command, environment = ui_command(mlflow_export.folder(root), port=5050)
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert command[1:4] == ["-m", "mlflow", "server"]
    assert options["--backend-store-uri"] == f"sqlite:///{database(root)}"
    assert (options["--host"], options["--port"], options["--workers"]) == ("127.0.0.1", "5050", "1")
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_links_lead_to_the_claims_runs(root):
    done = sync(root, judged(root))
    experiment = done.experiments[EXPERIMENT]
    found = links(experiment, "made_up", port=5050)
    page = urlsplit(found["runs"])
    assert (page.netloc, page.fragment.partition("?")[0]) == ("127.0.0.1:5050", f"/experiments/{experiment}/runs")
    with View(root) as view:
        by_filter = parse_qs(page.fragment.partition("?")[2])["searchFilter"][0]
        assert len(view.runs(by_filter)) == CELLS + 2
        verdicts = parse_qs(urlsplit(found["verdicts"]).fragment.partition("?")[2])["searchFilter"][0]
        assert len(view.runs(verdicts)) == 2
        query = parse_qs(urlsplit(found["charts"]).fragment.partition("?")[2])
        assert "searchFilter" not in query  # the UI ignores a prepared view beside a filter
        tags = view.client.get_experiment(experiment).tags
        state = json.loads(tags[f"mlflow.sharedViewState.{query['viewStateShareKey'][0]}"])
        assert len(view.runs(state["searchFilter"])) == CELLS
        assert state["groupBy"]["groupByKeys"] == [{"mode": "tag", "groupByData": "method"}]


def test_serving_prints_a_link_for_every_claim(root, monkeypatch, capsys):
    sync(root, judged(root))
    monkeypatch.setattr(mlflow_export, "start", lambda folder, *, port: 7 if folder.is_dir() and port == 1 else 0)
    assert mlflow_export.serve(root, port=1, claims=[two(), two("never_synced")]) == 7
    assert "made_up, charts: http://127.0.0.1:1/#/experiments/" in capsys.readouterr().out


def test_methods_are_told_apart_by_everything_but_the_seed(root):
    found = {row.tags["method"] for row in rows(judged(root)) if row.tags["kind"] == "cell"}
    assert found == {"train toy", "measure high", "measure higher", "measure low"}


@given(st.text(max_size=30) | st.text(alphabet="a./ @", max_size=6))
def test_every_safe_name_is_accepted(text):
    with mlflow_client.quiet():
        from mlflow.utils.validation import _validate_metric_name, _validate_param

    _validate_metric_name(safe_name(text))
    _validate_param(safe_name(text), "value")


@given(st.lists(st.text(alphabet="a@#_2/", max_size=4), unique=True, max_size=8))
def test_names_that_differ_stay_different(names):
    assert len(set(unique(names).values())) == len(names)


@given(st.frozensets(st.from_regex(r"[a-z_]+", fullmatch=True), max_size=4))
def test_lists_of_claims_survive_a_tag(claims):
    assert unlisted(listed(claims)) == claims


def test_settings_are_flattened_to_their_leaves():
    assert flatten({"a": {"b": 1, "c": [1, 2]}, "d": "x"}) == {"a.b": 1, "a.c": [1, 2], "d": "x"}


def test_what_is_up_to_date_is_told_without_mlflow(root):
    now = mlflow_current.state(root, judged(root))
    mlflow_current.remember(root, now)
    assert not mlflow_current.is_current(root, now), "there is no database yet"
    sync(root, judged(root))
    assert not mlflow_current.is_current(root, mlflow_current.state(root, judged(root)))
    mlflow_current.remember(root, mlflow_current.state(root, judged(root)))
    assert mlflow_current.is_current(root, mlflow_current.state(root, judged(root)))
    assert not mlflow_current.is_current(root, mlflow_current.state(root, judged(root)[:1]))
    with View(root) as view:
        view.client.set_tag(view.run("made_up.holds@tiny").info.run_id, "mine", "changed by hand")
    assert not mlflow_current.is_current(root, mlflow_current.state(root, judged(root)))
