"""DeviceService by grpcio, and its JSON by protobuf's own mapping: devices_peer.py GRPC HTTP.

Says one line of JSON per step; tests/api/python.rs reads them."""
import importlib, json, pathlib, sys, tempfile, urllib.error, urllib.request
import grpc, grpc_tools.protoc
from google.protobuf import json_format


def stubs():
    out, proto = tempfile.mkdtemp(), pathlib.Path(__file__).resolve().parents[2] / "proto"
    known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    args = [f"-I{proto}", f"-I{known}", f"--python_out={out}", f"--grpc_python_out={out}"]
    if grpc_tools.protoc.main(["", *args, "citygate/v1/telemetry.proto", "citygate/v1/devices.proto"]):
        sys.exit("protoc failed")
    sys.path.insert(0, out)
    return importlib.import_module("citygate.v1.devices_pb2"), importlib.import_module("citygate.v1.devices_pb2_grpc")


def say(**what):
    print(json.dumps(what), flush=True)


def code_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def main(target, http):
    pb, service = stubs()
    stub = service.DeviceServiceStub(grpc.insecure_channel(target))

    def over_http(path):
        with urllib.request.urlopen(f"http://{http}{path}", timeout=20) as answer:
            return answer.read().decode()

    devices, token, counts = [], "", None
    while True:
        page = stub.ListDevices(pb.ListDevicesRequest(values=True, page_size=2, page_token=token))
        devices += page.devices
        token, counts = page.next_page_token, page.counts
        if not token:
            break
    listed = json.loads(over_http("/v1/devices?values=true"))
    for device, found in zip(devices, listed["devices"], strict=True):
        assert json_format.MessageToDict(device) == found, (device, found)
        alone = over_http(f"/v1/devices/{device.device_id}")
        assert json_format.Parse(alone, pb.Device()) == device, alone
        assert json_format.Parse(alone, pb.Device()) == stub.GetDevice(
            pb.GetDeviceRequest(device_id=device.device_id)).device
    assert json_format.MessageToDict(counts) == listed["counts"], (counts, listed["counts"])
    say(devices=[device.device_id for device in devices], values=[len(device.values) for device in devices],
        reasons=sum(len(device.health_reasons) for device in devices))

    say(missing=code_of(lambda: stub.GetDevice(pb.GetDeviceRequest(device_id="nobody"))),
        wrong=code_of(lambda: stub.ListDevices(pb.ListDevicesRequest(page_size=-1))),
        foreign=code_of(lambda: next(stub.WatchDevices(pb.WatchDevicesRequest(after_cursor="1" + "0" * 48)))))

    stream = stub.WatchDevices(pb.WatchDevicesRequest(after_cursor=page.cursor), timeout=60)
    say(watching=next(stream).cursor == page.cursor)
    seen = {}
    for response in stream:
        seen |= {device.device_id: device for device in response.devices}
        if "last" in seen:
            break
    final = {device.device_id: device for device in stub.ListDevices(pb.ListDevicesRequest()).devices}
    say(seen=sorted(seen), equal=all(final[name] == device for name, device in seen.items()))


main(*sys.argv[1:])
