"""Scenarios of a paho-mqtt client, each a process of its own. Every step prints a line of JSON.

    paho_peer.py PORT SCENARIO [ARGUMENT ..]
"""
import json
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PORT = int(sys.argv[1])
PATIENCE = 60


def say(**what):
    print(json.dumps(what), flush=True)


def until(event):
    if not event.wait(PATIENCE):
        sys.exit("too late")


class Peer:
    """A client with its callbacks turned into things to wait for."""

    def __init__(self, version, client_id, clean=True, expiry=3600):
        self.version = int(version)
        self.clean = clean
        self.expiry = expiry
        kind = mqtt.MQTTv5 if self.version == 5 else mqtt.MQTTv311
        extra = {} if self.version == 5 else {"clean_session": clean}
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id, protocol=kind, **extra)
        self.client.max_inflight_messages_set(50)
        self.client.reconnect_delay_set(1, 1)
        self.connected = threading.Event()
        self.disconnected = threading.Event()
        self.answered = threading.Event()
        self.sessions = []
        self.reasons = {}
        self.connack = None
        self.disconnect_reason = None
        self.answer = None
        self.client.on_connect = self.on_connect
        self.client.on_disconnect = self.on_disconnect
        self.client.on_publish = self.on_publish
        self.client.on_subscribe = self.on_answer
        self.client.on_unsubscribe = self.on_answer

    def connect(self):
        extra = {}
        if self.version == 5:
            properties = Properties(PacketTypes.CONNECT)
            if not self.clean:
                properties.SessionExpiryInterval = self.expiry
            extra = {"clean_start": self.clean, "properties": properties}
        self.client.connect("127.0.0.1", PORT, keepalive=30, **extra)
        self.client.loop_start()
        until(self.connected)
        return self

    def on_connect(self, _client, _data, flags, reason, properties):
        self.sessions.append(flags.session_present)
        self.connack = (reason.value, properties)
        self.connected.set()

    def on_disconnect(self, _client, _data, _flags, reason, _properties):
        self.disconnect_reason = reason.value
        self.disconnected.set()

    def on_publish(self, _client, _data, mid, reason, _properties):
        self.reasons[mid] = reason.value

    def on_answer(self, _client, _data, _mid, reasons, _properties):
        self.answer = [reason.value for reason in reasons]
        self.answered.set()

    def publish(self, device, payload, qos, topic=None):
        sent = self.client.publish(topic or f"city/{device}/json", payload, qos=qos)
        if qos > 0 and sent.rc == mqtt.MQTT_ERR_NO_CONN:
            # The connection broke just then. paho keeps the message and sends it on the next one, but would raise
            # this code at every later question about it.
            sent.rc = mqtt.MQTT_ERR_SUCCESS
        return sent


def body(value):
    return json.dumps({"voltage": 230, "active_energy_import": value})


def publish(version, client_id, qos, count):
    """COUNT messages, waits for all acknowledgements."""
    peer = Peer(version, client_id).connect()
    sent = [peer.publish(client_id, body(n), int(qos)) for n in range(int(count))]
    for message in sent:
        message.wait_for_publish(PATIENCE)
    say(acknowledged=sum(message.is_published() for message in sent))
    peer.client.disconnect()
    until(peer.disconnected)


def terms(version, client_id):
    """What the CONNACK says."""
    peer = Peer(version, client_id).connect()
    properties = peer.connack[1].json() if peer.connack[1] else {}
    say(reason=peer.connack[0], present=peer.sessions[0], properties=properties)
    peer.client.disconnect()


def login(version, client_id, user, password):
    """CONNECT with a name and a password."""
    peer = Peer(version, client_id)
    peer.client.username_pw_set(user, password)
    peer.connect()
    say(reason=peer.connack[0])
    peer.client.disconnect()


def refusals(version, client_id):
    """A reject, a subscription, its end."""
    peer = Peer(version, client_id).connect()
    reasons = []
    for qos in (1, 2):
        message = peer.publish(client_id, '{"no_such_metric": 1}', qos)
        message.wait_for_publish(PATIENCE)
        reasons.append(peer.reasons[message.mid])
    peer.client.subscribe([("a/#", 1), ("b", 0)])
    until(peer.answered)
    subscribed = peer.answer
    peer.answered.clear()
    peer.client.unsubscribe(["a/#"])
    until(peer.answered)
    say(published=reasons, subscribed=subscribed, unsubscribed=peer.answer)
    # The connection lives on.
    message = peer.publish(client_id, body(1), 1)
    message.wait_for_publish(PATIENCE)
    say(acknowledged=message.is_published())
    peer.client.disconnect()


def too_large(version, client_id, size):
    """A packet above the maximum."""
    peer = Peer(version, client_id).connect()
    peer.publish(client_id, " " * int(size), 1)
    until(peer.disconnected)
    say(reason=peer.disconnect_reason)


def takeover(version, client_id):
    """Two connections of one client id; the later one stays."""
    first = Peer(version, client_id, clean=False)
    first.client.will_set(f"city/{client_id}/will", "gone", qos=1)
    first.connect()
    first.client.on_disconnect = lambda *args: (first.on_disconnect(*args), first.client.disconnect())
    second = Peer(version, client_id, clean=False).connect()
    until(first.disconnected)
    message = second.publish(client_id, body(1), 1)
    message.wait_for_publish(PATIENCE)
    say(reason=first.disconnect_reason, present=second.sessions[0], acknowledged=message.is_published())
    second.client.disconnect()
    until(second.disconnected)


def will(version, client_id):
    """Connects with a will and waits to be killed."""
    peer = Peer(version, client_id)
    peer.client.will_set(f"city/{client_id}/will", "mains lost", qos=1, retain=True)
    peer.connect()
    say(connected=True)
    threading.Event().wait(PATIENCE)


def stream(version, client_id, count):
    """Publishes QoS 1 and 2 in turn over whatever happens to the gateway, in an unclean session."""
    peer = Peer(version, client_id, clean=False).connect()
    say(present=peer.sessions[0])
    sent = []
    for n in range(int(count)):
        sent.append(peer.publish(client_id, body(n), 1 + n % 2))
        if n == int(count) // 4:
            say(published=n)
        if n % 50 == 49:
            sent[-30].wait_for_publish(PATIENCE)
    for message in sent:
        message.wait_for_publish(PATIENCE)
    say(acknowledged=sum(message.is_published() for message in sent), present=peer.sessions[1:])
    peer.client.disconnect()
    until(peer.disconnected)


if __name__ == "__main__":
    {
        "publish": publish,
        "terms": terms,
        "login": login,
        "refusals": refusals,
        "too_large": too_large,
        "takeover": takeover,
        "will": will,
        "stream": stream,
    }[sys.argv[2]](*sys.argv[3:])
