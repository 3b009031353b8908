"""The MLflow view: what it holds, that it can be brought up to date and rebuilt, and that nothing is lost."""

import json
import re
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
from suite.show import mlflow_client, mlflow_current, mlflow_export, mlflow_files
from suite.show.mlflow_export import database, sync
from suite.show.mlflow_names import flatten, listed, safe_name, unique, unlisted
from suite.show.mlflow_rows import method_name, rows
from suite.show.mlflow_store import experiments, stored
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
    with pytest.raises(SuiteError, match=r"pip install -e '\.\[mlflow\]'"):
        sync(root, judged(root))


def test_the_ui_runs_alone_on_this_machine(root):
    command, environment = ui_command(root, port=5050)
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
    found = links(experiment, "made_up", port=5050)
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
    mlflow_export.print_links(root, port=1, claims=[few, two("many"), two("never_synced")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": http://127.0.0.1:1/")[0] for line in lines[:-1]] == [
        "many, side by side",
        "many, charts by method",
        "the report page",
    ]
    assert lines[-1] == "another claim: add -k CLAIM"
    mlflow_export.print_links(root, port=1, claims=[few])
    assert "few, side by side" in capsys.readouterr().out
    with pytest.raises(SuiteError, match="python -m suite claims"):
        mlflow_export.print_links(root, port=1, claims=[replace(few, papers=(synthetic.SECOND,))])


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


@pytest.mark.parametrize("rebuild", [False, True])
def test_a_summary_run_has_its_figure_and_its_claims_verdicts(root, rebuild):
    draw(root)
    sync(root, judged(root), rebuild=rebuild)
    found = files_of(root, "made_up.holds@tiny")
    figure = "figures/made_up.holds.tiny"
    assert found.keys() == {"claims.json", "verdict.json", f"{figure}.svg", f"{figure}.png"}
    assert found[f"{figure}.svg"] == "<svg/> svg"
    names = [entry["name"] for entry in json.loads(found["claims.json"])["criteria"]]
    assert names == ["made_up.holds", "made_up.vacuous"]
    other = files_of(root, "made_up.vacuous@tiny")
    assert other.keys() == {"claims.json", "verdict.json"}
    assert other["claims.json"] == found["claims.json"]


def test_files_that_are_right_are_left_alone_and_others_follow(root):
    draw(root)
    assessments = judged(root)
    sync(root, assessments)
    assert mlflow_files.attach(root, assessments) == 0
    draw(root, "<svg>anew</svg>")
    assert mlflow_files.attach(root, assessments) == 2
    assert files_of(root, "made_up.holds@tiny")["figures/made_up.holds.tiny.svg"] == "<svg>anew</svg> svg"
    changed = judged(root, two(region=Region.at_least(0.9)))
    assert mlflow_files.attach(root, changed) == 2  # one document, two names
    for path in (root / "report" / "figures").iterdir():
        path.unlink()
    assert mlflow_files.attach(root, changed) == 2
    assert not [name for name in files_of(root, "made_up.holds@tiny") if name.startswith("figures/")]


def test_a_figure_drawn_after_the_export_is_attached_without_mlflow(root, monkeypatch):
    assessments = judged(root)
    mlflow_export.attach_files(root, assessments)  # no view yet: nothing to do, nothing made
    assert not (root / "mlflow").exists()
    sync(root, assessments)
    draw(root)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    mlflow_export.attach_files(root, assessments)
    monkeypatch.undo()
    assert "figures/made_up.holds.tiny.png" in files_of(root, "made_up.holds@tiny")


def test_where_links_cannot_be_made_files_are_copied(root, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("another file system")

    monkeypatch.setattr(mlflow_files.os, "link", refuse)
    source, target = tmp_path / "one", tmp_path / "there" / "two"
    source.write_text("text")
    assert mlflow_files.same_file(source, target)
    assert not target.samefile(source)
    assert target.read_text() == "text"
    assert not mlflow_files.same_file(source, target)


# ---------------------------------------------------------------- beside other programs


def test_experiments_keep_their_ids_in_a_rebuild(root):
    first, second = two(), replace(two("other"), papers=(synthetic.SECOND,))
    before = sync(root, judged(root, first, second)).experiments
    assert experiments(root).items() > {name: int(number) for name, number in before.items()}.items()
    after = sync(root, judged(root, second, first), rebuild=True).experiments
    assert after == before


def test_what_cannot_be_read_has_no_experiments(root):
    assert experiments(root) == {}
    database(root).parent.mkdir(parents=True)
    database(root).write_text("no database")
    assert experiments(root) == {}
    assert stored(root) == {}


def test_a_database_held_by_another_program_is_tried_again(root, monkeypatch):
    from sqlalchemy.exc import OperationalError

    sync(root, judged(root))
    bring, calls = mlflow_export._bring, []

    def held(*arguments):
        calls.append(1)
        if len(calls) < 3:
            raise OperationalError("INSERT", {}, Exception("database is locked"))
        return bring(*arguments)

    monkeypatch.setattr(mlflow_export, "_bring", held)
    assert sync(root, judged(root)).unchanged == CELLS + 2
    monkeypatch.setattr(mlflow_export, "_TRIES", 1)
    calls.clear()
    with pytest.raises(mlflow_client.Locked, match="end what writes to it"):
        sync(root, judged(root))


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
