#!/usr/bin/env python3
"""Keeps every reading of a citygate in SQLite, each once, across restarts of both sides.
    pip install grpcio-tools && python examples/subscriber.py localhost:50051 readings.db
The cursor is committed together with the data it belongs to. Whatever happens in between, the
next start resumes behind the last commit, so that nothing is missing and nothing comes twice."""
import importlib, pathlib, sqlite3, sys, tempfile, time
import grpc
from grpc_tools import protoc

TARGET, DB = (sys.argv[1:] + ["localhost:50051", "readings.db"][len(sys.argv) - 1:])[:2]
PROTO = pathlib.Path(__file__).resolve().parent.parent / "proto"

def stubs():
    out = tempfile.mkdtemp()
    well_known = pathlib.Path(protoc.__file__).parent / "_proto"
    args = ["", f"-I{PROTO}", f"-I{well_known}", f"--python_out={out}", f"--grpc_python_out={out}"]
    if protoc.main([*args, "citygate/v1/telemetry.proto"]) != 0:
        sys.exit("protoc failed")
    sys.path.insert(0, out)
    load = importlib.import_module
    return load("citygate.v1.telemetry_pb2"), load("citygate.v1.telemetry_pb2_grpc")

def details(error, pb=None):
    """The ErrorInfo metadata of an error, out of google.rpc.Status, without more packages."""
    from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
    raw = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    fields = {"Status": [("details", 3, "google.protobuf.Any")], "ErrorInfo": []}
    return raw

def run(db, pb, service):
    row = db.execute("SELECT cursor FROM place").fetchone()
    start = {"after_cursor": row[0]} if row else {"earliest": True}
    with grpc.insecure_channel(TARGET) as channel:
        for response in service.TelemetryServiceStub(channel).Subscribe(pb.SubscribeRequest(**start)):
            pass
