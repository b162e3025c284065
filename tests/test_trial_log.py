import pytest
from tensorboard.backend.event_processing import plugin_event_multiplexer
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups

from utilities.hyperparameters import resolve
from utilities.search_space import Range
from utilities.trial_log import EVENTS, TrialLog, announce_search, remove_runs

SPACE = {
    "batch_size": (16, 32),
    "kernel_size": (3,),
    "num_units_dense": Range(64, 256, True, False),
    "dropout": (0.1, 0.3),
    "num_units_lstm1": (128,),
    "learning_rate": Range(0.0005, 0.005, False, True),
}


def logged(folder, cers=(0.5, 0.2)):
    announce_search(folder, SPACE)
    for rate, cer in zip((0.001, 0.002), cers, strict=True):
        log = TrialLog(folder, resolve("compact", {"learning_rate": rate}))
        rows = []
        for epoch in (1, 2):
            row = {"epoch": epoch, "loss": 3.0, "val_loss": 2.0 * epoch, "val_cer": cer * epoch, "learning_rate": rate}
            rows.append(row)
            log.add(row, kept=rows[0])
        log.close()


def dashboard(folder):
    """The HParams plugin's own reading of the folder."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    data = MultiplexerDataProvider(multiplexer, str(folder))
    context = backend_context.Context(base_plugin.TBContext(data_provider=data))
    request = provider_context()
    experiment = get_experiment.Handler(request, context, "", api_pb2.GetExperimentRequest(include_metrics=True)).run()
    return context, request, experiment


def provider_context():
    from tensorboard import context

    return context.RequestContext()


def test_the_dashboard_has_typed_domains_and_both_metrics(tmp_path):
    logged(tmp_path)
    _, _, experiment = dashboard(tmp_path)
    domains = {info.name: info for info in experiment.hparam_infos}
    assert [v.number_value for v in domains["BATCH_SIZE"].domain_discrete.values] == [16, 32]
    assert domains["LEARNING_RATE"].domain_interval.max_value == 0.005
    assert domains["NUM_UNITS_DENSE"].domain_interval.min_value == 64
    assert {info.name.tag for info in experiment.metric_infos} == {"kept/val_cer", "kept/val_loss"}


def test_every_trial_has_its_values_and_last_figures(tmp_path):
    logged(tmp_path)
    context, request, _ = dashboard(tmp_path)
    message = api_pb2.ListSessionGroupsRequest(
        start_index=0,
        slice_size=10,
        allowed_statuses=[0, 1, 2, 3],
        col_params=[api_pb2.ColParams(hparam="LEARNING_RATE", include_in_result=True)],
    )
    groups = list_session_groups.Handler(request, context, "", message).run().session_groups
    assert sorted(g.hparams["LEARNING_RATE"].number_value for g in groups) == [0.001, 0.002]
    shown = {g.hparams["LEARNING_RATE"].number_value: {m.name.tag: m.value for m in g.metric_values} for g in groups}
    assert shown[0.001]["kept/val_cer"] == pytest.approx(0.5) and shown[0.002]["kept/val_loss"] == pytest.approx(2.0)


def test_removing_runs_leaves_what_others_put_there(tmp_path):
    logged(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    run = next(p for p in tmp_path.iterdir() if p.is_dir())
    (run / "mine.txt").write_text("mine")
    remove_runs(tmp_path)
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")) == sorted(
        ["notes.txt", run.name, f"{run.name}/mine.txt"]
    )


def test_a_trial_that_is_run_again_replaces_its_run(tmp_path):
    row = {"epoch": 1, "loss": 3.0, "val_loss": 2.0, "val_cer": 0.5, "learning_rate": 0.001}
    for _ in range(2):
        log = TrialLog(tmp_path, resolve("compact"))
        log.add(row, kept=row)
        log.close()
    assert len(list(tmp_path.glob(f"*/{EVENTS}"))) == 1
