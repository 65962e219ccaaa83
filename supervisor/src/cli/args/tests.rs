use clap::CommandFactory;

use super::*;

#[test]
fn the_arguments_make_sense() {
    Args::command().debug_assert();
    let args = Args::parse_from(["ishowtts", "say", "Hi", "-o", "a.wav", "--log-level", "debug"]);
    assert!(matches!(args.task(), Task::Say(say) if say.text == "Hi"));
    assert!(matches!(Args::parse_from(["ishowtts"]).task(), Task::Serve));
    let bench =
        "ishowtts bench --stream --play --concurrency 3 --assert c100>=100 --header a:b --duration 0.5";
    assert!(matches!(
        Args::parse_from(bench.split(' ')).task(),
        Task::Bench(bench) if bench.concurrency.get() == 3 && bench.server.port() == Some(27_121)
    ));
    let simulation = "ishowtts bench --simulate --streams 100 --load 0.5,3 --seed 7 --json -";
    assert!(matches!(
        Args::parse_from(simulation.split(' ')).task(),
        Task::Bench(bench) if bench.simulated.simulate && bench.seed == 7
    ));
    for wrong in [
        "bench https://host",
        "bench nonsense",
        "bench http://me:secret@host",
        "bench --rate 0",
        "bench --rate 5 --concurrency 2",
        "bench --play",
        "bench --max-in-flight 3",
        "bench --requests 0",
        "bench --duration -1",
        "bench --engine-options [1]",
        "bench --format mp3",
        "bench --assert rtf<1",
        "bench --workers 3",
        "bench --cost-error 0.2",
        "bench --come-back",
        "bench --simulate http://host",
        "bench --simulate --stream",
        "bench --simulate --texts short",
        "bench --simulate --workers 3 --streams 100",
        "bench --simulate --workers 0",
        "bench --simulate --load 0",
        "bench --simulate --cost-error 2",
        "bench --simulate --readers slow",
    ] {
        assert!(Args::try_parse_from(format!("ishowtts {wrong}").split(' ')).is_err(), "{wrong}");
    }
    let exec = Args::parse_from(["ishowtts", "worker-exec", "--parent", "7", "--", "py", "-m", "x"]);
    assert!(matches!(exec.task(), Task::WorkerExec(exec) if exec.args == ["-m", "x"]));
}
