"""What must hold without measuring anything: `python3 -m unittest discover benches/peers`."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from measure import DEEP, EIGHT, LLAMA, ONE, WHIT, LlamaBench, Others, Turns, better_settings
from prepare import Failure, Model
from serve import TRACE, USERS, Client, Peer, ServeReport, Trace, free_port, serving, values
from table import Report, prefill_weights

MODEL = Model("llama3.2-1b", "Q4_K_M", Path(os.devnull))
INFO = {
    "parameters": 1_000_100,
    "bytes_by_format": {"F32": 400, "Q4_K": 500_000},
    "decoder": {"vocabulary_size": 1000, "hidden_size": 256, "tied_embedding": True},
    "memory": {"kv_bytes_per_token": 1 << 10},
}


def fake_llama_bench(folder, knows_depth):
    """A script that answers as llama-bench does, or refuses -d as an older one does."""
    path = Path(folder) / "llama-bench"
    path.write_text(f"""#!/usr/bin/env python3
import json, sys
args = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if "-d" in args and not {knows_depth}:
    sys.exit("error: invalid parameter for argument: -d")
assert args["-o"] == "json" and args["-t"] == "2", args
test = {{"n_depth": int(args.get("-d", 0))}}
print(json.dumps([test | {{"n_prompt": int(args["-p"]), "n_gen": 0, "avg_ts": 300.0}},
                  test | {{"n_prompt": 0, "n_gen": int(args["-n"]), "avg_ts": 50.0}}]))
""")
    path.chmod(0o755)
    return path


class AnotherProgram(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_its_json_is_read(self):
        peer = LlamaBench(f"other={fake_llama_bench(self.folder, True)} -fa 1", 2)
        self.assertEqual(peer.name, "other")
        for run in (ONE, DEEP):
            self.assertEqual(peer.measure(MODEL, run), {"prefill": 300.0, "decode": 50.0})
        self.assertIsNone(peer.measure(MODEL, EIGHT))

    def test_depth_is_left_out_where_it_is_not_known(self):
        peer = LlamaBench(str(fake_llama_bench(self.folder, False)), 2)
        self.assertEqual(peer.name, "llama-bench")
        self.assertIsNone(peer.measure(MODEL, DEEP))
        self.assertIn("invalid parameter", peer.left_out["deep"])
        self.assertEqual(peer.measure(MODEL, ONE)["decode"], 50.0)

    def test_one_that_is_not_there_is_a_sentence(self):
        with self.assertRaisesRegex(Failure, "cannot run /nowhere/llama-bench: No such file"):
            LlamaBench("/nowhere/llama-bench", 2).measure(MODEL, ONE)


SERVER = """
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, body):
        body = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer({"data": [{"id": "small"}]})
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer({"choices": [{"text": asked["model"]}]})
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
# What `whit bench serve --json` prints, as far as the table needs it.
SERVED = {
    "seconds": 2.0, "most_in_flight": 8, "output_tokens": 600, "output_tokens_per_second": 300.0,
    "prompt_tokens_per_second": 900.0, "answers_of_other_length": 0, "prompts_of_other_length": 0,
} | {f"{time}_seconds": {"p50": 0.05, "p90": 0.06, "p99": 0.08, "max": 0.1}
     for time in ("time_to_first_token", "time_per_output_token", "inter_token_latency", "end_to_end")}  # fmt: skip


class AServer(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        where = mock.patch("serve.own_folder", lambda: Path(folder.name))
        where.start()
        self.addCleanup(where.stop)

    def test_is_there_while_it_is_asked_and_gone_afterwards(self):
        port = free_port()
        with serving("fake", [sys.executable, "-c", SERVER, port], port) as url:
            self.assertEqual(url, f"http://127.0.0.1:{port}")
        with socket.socket() as connection:
            self.assertNotEqual(connection.connect_ex(("127.0.0.1", port)), 0)

    def test_that_does_not_start_is_a_sentence(self):
        with self.assertRaisesRegex(Failure, "fake does not serve: .*: no such model"):
            with serving("fake", [sys.executable, "-c", "import sys; sys.exit('no such model')"], free_port()):
                pass
        with self.assertRaisesRegex(Failure, "cannot run /nowhere/llama-server: No such file"):
            Peer("/nowhere/llama-server", 2, None).measure(MODEL, USERS)

    def test_may_run_already(self):
        with tempfile.TemporaryDirectory() as folder:
            client = Path(folder) / "whit"
            client.write_text(f"#!/usr/bin/env python3\nimport sys\nprint({json.dumps(json.dumps(SERVED))})\n"
                              "assert sys.argv[1:4] == ['bench', 'serve', 'http://far:1'], sys.argv\n"
                              "assert ('--trace' in sys.argv) != ('--concurrency' in sys.argv), sys.argv\n")  # fmt: skip
            client.chmod(0o755)
            peer = Peer("far=http://far:1", 2, Client(client, Trace(Path("t.csv"), 5, "1/8", "1")))
            self.assertEqual(peer.name, "far")
            for run in (USERS, TRACE):
                self.assertEqual(peer.measure(MODEL, run)["time_to_first_token_seconds p99"], 80.0)


class TheServersTable(unittest.TestCase):
    def test_gives_ratios_and_says_whether_the_target_is_met(self):
        probes = [{"bandwidth": 50e9, "peak": 1e12}] * 2
        llama = SERVED | {"output_tokens_per_second": 50.0, "answers_of_other_length": 2}
        found = {name: values(report) | {"probes": probes} for name, report in ((WHIT, SERVED), (LLAMA, llama))}
        turn = {"shape": MODEL.shape, "format": MODEL.format, "run": "users"}
        turn |= {"dropped": None, "again": 0, "values": found}
        raw = {
            "turns": [turn], "programs": [WHIT, LLAMA], "models": {str(MODEL): INFO}, "flash": {}, "left_out": {},
            "machine": {"cpu": "abacus", "cores": 2, "cpus": 2, "threads": 2, "memory_bytes": 1 << 30}, "command": "c",
            "date": "d", "versions": {"whit": "1", "llama-cpp-python": "2"},
            "trace": {"file": "t.csv", "arrivals": 500, "lengths": "1/8", "time": "1"},
            "alone": {str(MODEL): {"compared": 500, "different": 0}},
        }  # fmt: skip
        text = ServeReport(raw).text()
        cells = "300 tokens/s | 50 tokens/s | 6.00x (6.00 to 6.00) | >= 3x: met"
        self.assertIn(f"| 8 users: output | Q4_K_M | {cells} |", text)
        self.assertIn("| 8 users: first token (TTFT) p99 | Q4_K_M | 80 ms | 80 ms | 1.00x", text)
        self.assertIn("alone, of a server just started: 0 of 500", text)
        self.assertIn("llama.cpp gave up to 2 answers of another length", text)
        self.assertNotIn("| trace", text, "it was not measured")


class Program:
    """Measures nothing; its probes see the given bandwidths, and peaks if there are some, the last for ever."""

    def __init__(self, name, bandwidths=(50,), peaks=(1000,)):
        self.name, self.bandwidths, self.peaks, self.kept = name, list(bandwidths), list(peaks), 0

    def probe(self):
        bandwidth, peak = (v.pop(0) if len(v) > 1 else v[0] for v in (self.bandwidths, self.peaks))
        return {"read_bandwidth_gb_per_second": bandwidth, "int8_peak_gop_per_second": peak}

    def measure(self, _model, _run):
        return {"decode": 1.0}

    def turn_kept(self):
        self.kept += 1


@mock.patch.object(Others, "share", lambda _: ATurn.others)
@mock.patch("time.sleep", lambda _: None)
class ATurn(unittest.TestCase):
    others = 0.0

    def test_asks_a_program_again_once_the_machine_is_what_it_was(self):
        # whit between 50 and 52; llama.cpp while the bandwidth rose, and once more after it had fallen.
        whit, llama = Program(WHIT, [50, 52, 60, 60, 60, 54, 53]), Program(LLAMA)
        turns = Turns(whit, llama, [])
        self.assertIsNone(turns.take(MODEL, ONE, 1))
        turn = turns.taken[0]
        self.assertEqual((turns.kept(MODEL, ONE), turn["again"], llama.kept), (1, 1, 1))
        self.assertEqual([probe["bandwidth"] / 1e9 for probe in turn["values"][LLAMA]["probes"]], [54, 53])

    def test_waits_for_all_the_bandwidth_there_was(self):
        turns = Turns(Program(WHIT, [60, 60, 60, 40, 40, 58, 58, 58]), Program(LLAMA), [])
        for number in [1, 2]:
            self.assertIsNone(turns.take(MODEL, ONE, number))
        self.assertEqual([turn["values"][WHIT]["probes"][0]["bandwidth"] / 1e9 for turn in turns.taken], [60, 58])

    def test_is_dropped_where_the_machine_stays_another(self):
        turns = Turns(Program(WHIT, [50, 52, 60]), Program(LLAMA), [])
        self.assertEqual(turns.take(MODEL, ONE, 1), "bandwidth changed")
        self.assertEqual(turns.kept(MODEL, ONE), 0)

    def test_begins_anew_where_the_machine_changes_under_the_first(self):
        turns = Turns(Program(WHIT, [50, 60]), Program(LLAMA), [])
        self.assertIsNone(turns.take(MODEL, ONE, 1))
        self.assertEqual(turns.taken[0]["again"], 1)

    def test_is_dropped_where_the_processors_were_not_its_own(self):
        turns = Turns(Program(WHIT, [50], [1000, 880]), Program(LLAMA), [])
        self.assertIsNone(turns.take(MODEL, ONE, 1), "a lower peak that stays is the machine's")
        with mock.patch.object(ATurn, "others", 0.2):
            turns = Turns(Program(WHIT), Program(LLAMA), [])
            self.assertEqual(turns.take(MODEL, ONE, 2), "others used the processors")

    def test_takes_for_each_measure_the_better_setting(self):
        on, off = {"decode": 50, "prefill": 200, "resident": 9}, {"decode": 40, "prefill": 220, "resident": 8}
        found = {"on": on, "off": off}
        self.assertEqual(better_settings(found), {"decode": "on", "prefill": "off", "resident": "off"})


class TheProcessorTime(unittest.TestCase):
    def test_of_others_is_seen_and_ones_own_is_not(self):
        others = Others()
        subprocess.run([sys.executable, "-c", "sum(range(10_000_000))"], check=True)
        own = others.now()[1] - others.start[1]
        stranger = subprocess.Popen([sys.executable, "-c", "sum(range(10_000_000))"])
        # Not waited for by `resource` as long as it runs.
        time.sleep(0.2)
        seen = others.now()[1] - others.start[1] - own
        stranger.wait()
        self.assertGreater(seen, 0.05)


class TheTable(unittest.TestCase):
    def turn(self, whit, llama, kept=True):
        probes = [{"bandwidth": 50e9, "peak": 1e12}] * 2
        whit = {"prefill": 1e5, "resident": 100 << 20, "weights_bytes": 40 << 20, "probes": probes} | whit
        return {
            "shape": MODEL.shape,
            "format": MODEL.format,
            "run": "one",
            "dropped": None if kept else "bandwidth changed",
            "values": {WHIT: whit, LLAMA: llama},
        }

    def lines(self, *turns):
        raw = {"turns": list(turns), "programs": [WHIT, LLAMA], "models": {str(MODEL): INFO}}
        rows = Report(raw).table(MODEL.shape, [MODEL.format]).splitlines()[2:]
        return {cells[1]: cells[2:-1] for cells in ([cell.strip() for cell in row.split("|")] for row in rows)}

    def test_gives_ratios_of_medians_over_the_rounds_kept(self):
        turns = [self.turn({"decode": d, "bytes_per_token": 5e8}, {"decode": 50}) for d in (80, 90, 100)]
        dropped = self.turn({"decode": 1, "bytes_per_token": 1}, {"decode": 9}, kept=False)
        line = self.lines(*turns, dropped)["decode, one sequence"]
        self.assertEqual(line[1:5], ["90 tokens/s", "50 tokens/s", "1.80x (1.60 to 2.00)", ">= 1.5x: met"])
        self.assertEqual(line[5:], ["90 % (80 to 100) of bandwidth", ">= 85 %: met", "3 of 4"])

    def test_lets_the_share_rule_where_a_ratio_is_out_of_reach(self):
        line = self.lines(self.turn({"decode": 90, "bytes_per_token": 5e8}, {"decode": 80}))["decode, one sequence"]
        self.assertEqual(line[4], ">= 1.5x: needs 120 % of bandwidth, so its share rules")

    def test_counts_memory_beyond_weights_and_cache(self):
        line = self.lines(self.turn({"decode": 1, "bytes_per_token": 1}, {"resident": 90 << 20}))["resident memory"]
        self.assertEqual(line[3:5], ["1.11x (1.11 to 1.11)", "<= 1.03x: **missed**"])
        self.assertEqual(line[5:7], ["weights + KV + 60 MiB", "<= 64 MiB: met"])

    def test_counts_the_head_for_the_last_token_of_a_prompt_alone(self):
        body = 1_000_000 - 256_000
        self.assertEqual(prefill_weights(INFO, 512), body + 256_000 / 512)
        untied = INFO | {"decoder": INFO["decoder"] | {"tied_embedding": False}}
        self.assertEqual(prefill_weights(untied, 512), body - 256_000 + 256_000 / 512)


if __name__ == "__main__":
    unittest.main()
