#!/usr/bin/env python3
"""Keeps every reading of a citygate in SQLite, each once, across restarts of both sides:
    pip install grpcio-tools && python examples/subscriber.py localhost:50051 readings.db
The cursor is committed with the data it belongs to, so the next start goes on exactly behind it."""
import importlib, pathlib, random, sqlite3, sys, tempfile, time
import grpc, grpc_tools.protoc
RPC = """syntax = "proto3"; package google.rpc; import "google/protobuf/any.proto";
message Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }
message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }"""
TABLES = """CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY, cursor TEXT);
CREATE TABLE IF NOT EXISTS readings (node, sequence INTEGER, at INTEGER, device, metric, labels, value, unit,
    observed_at, quality INTEGER, PRIMARY KEY (node, sequence, at)) WITHOUT ROWID"""

def stubs():
    out, proto = tempfile.mkdtemp(), pathlib.Path(__file__).resolve().parent.parent / "proto"
    pathlib.Path(out, "error_info.proto").write_text(RPC)
    known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    args = [f"-I{proto}", f"-I{out}", f"-I{known}", f"--python_out={out}", f"--grpc_python_out={out}"]
    if grpc_tools.protoc.main(["", *args, "citygate/v1/telemetry.proto", "error_info.proto"]):
        sys.exit("protoc failed")
    sys.path.insert(0, out)
    names = "citygate.v1.telemetry_pb2", "citygate.v1.telemetry_pb2_grpc", "error_info_pb2"
    return [importlib.import_module(name) for name in names]

def store(db, cursor, reports=()):
    rows = [(report.node, report.sequence, at, report.device_id, reading.metric, str(sorted(reading.labels.items())),
             getattr(reading, reading.WhichOneof("value") or "raw"), reading.unit, reading.observed_at.ToJsonString(),
             reading.quality) for report in reports for at, reading in enumerate(report.readings)]
    with db:  # one transaction
        db.executemany("INSERT INTO readings VALUES (?,?,?,?,?,?,?,?,?,?)", rows)
        db.execute("INSERT OR REPLACE INTO place VALUES (0, ?)", (cursor,))

def metadata(error, rpc):
    info, status = rpc.ErrorInfo(), rpc.Status()
    status.ParseFromString(dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b""))
    return dict(info.metadata) if any(detail.Unpack(info) for detail in status.details) else {}

def main(target="localhost:50051", path="readings.db"):
    (pb, service, rpc), db, delay = stubs(), sqlite3.connect(path), 1
    db.executescript(TABLES)
    while True:
        place = db.execute("SELECT cursor FROM place").fetchone()
        request = pb.SubscribeRequest(after_cursor=place[0]) if place else pb.SubscribeRequest(earliest=True)
        try:
            with grpc.insecure_channel(target) as channel:
                for response in service.TelemetryServiceStub(channel).Subscribe(request):
                    store(db, response.cursor, response.reports)
                    delay = 1
        except grpc.RpcError as error:
            told, code = metadata(error, rpc), error.code().name
            if cursor := told.get("oldest_cursor") or told.get("next_cursor"):  # OUT_OF_RANGE, DATA_LOSS
                print(f"{code}: {error.details()}; lost {told}", file=sys.stderr)
                store(db, cursor)
            elif code in ("INVALID_ARGUMENT", "FAILED_PRECONDITION"):  # another gateway's cursor: needs a person
                sys.exit(f"{code}: {error.details()}")
            else:
                print(f"{code}: {error.details()}; again within {delay} s", file=sys.stderr)
                time.sleep(delay * random.uniform(0.5, 1))
                delay = min(2 * delay, 30)
main(*sys.argv[1:])
