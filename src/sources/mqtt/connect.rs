//! CONNECT of both versions, as one.
//!
//! Version, flags and lengths are looked at before rumqttc's codec reads the rest, because the codec
//! neither tells `MQIsdp` (3.1) from garbage nor checks the reserved flag (MQTT 3.1.1 §3.1.2.3).
//! A limit of the codec: user name and password must be UTF-8.
use super::fault::Fault;
use super::packet::{Frame, Version, topic};
use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;

/// Longest client id in bytes. The standard wants 23 at least; it is a key in memory and on disk.
pub const CLIENT_ID_MAX: usize = 256;

/// What a will says when the device goes away without a DISCONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Checked.
    pub topic: Box<str>,
    /// As text, cut to [`Will::PAYLOAD_MAX`] bytes; bytes that are no UTF-8 are replaced.
    pub payload: Box<str>,
    /// Will Delay Interval in seconds; 0 in 3.1.1.
    pub delay_secs: u32,
}

impl Will {
    /// How much of the payload an event keeps, in bytes: it is shown to people, not decoded.
    pub const PAYLOAD_MAX: usize = 256;

    fn new(name: &[u8], payload: &[u8], delay_secs: u32) -> Result<Box<Self>, Fault> {
        let mut text = String::from_utf8_lossy(payload.get(..Self::PAYLOAD_MAX).unwrap_or(payload))
            .into_owned();
        let mut end = text.len().min(Self::PAYLOAD_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        Ok(Box::new(Self {
            topic: topic(name)?.into(),
            payload: text.into(),
            delay_secs,
        }))
    }
}

/// What a device asks for when it connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// Of the whole connection.
    pub version: Version,
    /// May be empty.
    pub client: String,
    /// Forget the session, if there is one.
    pub clean: bool,
    /// How long the session outlives the connection, in seconds; `None`: 3.1.1 with
    /// `clean_session = 0`, which leaves it to the server.
    pub expiry_secs: Option<u32>,
    /// Seconds; 0: none.
    pub keep_alive: u16,
    /// What to say when it goes away.
    pub will: Option<Box<Will>>,
    /// User name and password.
    pub login: Option<(String, String)>,
}

/// Reads the first packet of a connection. The version comes along with a fault, for the answer;
/// `None`: there is nobody to answer.
///
/// # Errors
/// Another packet, another protocol, or a CONNECT that may not be answered with success.
pub fn read(frame: &Frame<'_>) -> Result<Connect, (Option<Version>, Fault)> {
    if frame.first != 0x10 {
        let what = "the first packet is no CONNECT";
        return Err((None, Fault::Unexpected { what }));
    }
    let (version, flags) = version(frame.body)?;
    let malformed = |what| (Some(version), Fault::Malformed { what });
    // Reserved; will flags without a will; password without a user name (forbidden in 3.1.1).
    let without_will = flags & 0b0000_0100 == 0 && flags & 0b0011_1000 != 0;
    let without_user = version == Version::V4 && flags & 0b1100_0000 == 0b0100_0000;
    if flags & 1 != 0 || without_will || without_user || flags & 0b0001_1000 == 0b0001_1000 {
        return Err(malformed("flags of CONNECT"));
    }
    let connect = match version {
        Version::V4 => read_v4(frame.packet),
        Version::V5 => read_v5(frame.packet),
    }
    .map_err(|fault| (Some(version), fault))?;
    check_client(&connect).map_err(|fault| (Some(version), fault))?;
    Ok(connect)
}

/// Protocol level and connect flags.
fn version(body: &[u8]) -> Result<(Version, u8), (Option<Version>, Fault)> {
    let level = |version, level| Err((Some(version), Fault::Version { level }));
    match body {
        [0, 4, b'M', b'Q', b'T', b'T', 4, flags, ..] => Ok((Version::V4, *flags)),
        [0, 4, b'M', b'Q', b'T', b'T', 5, flags, ..] => Ok((Version::V5, *flags)),
        [0, 4, b'M', b'Q', b'T', b'T', other, ..] if *other > 5 => level(Version::V5, *other),
        [0, 4, b'M', b'Q', b'T', b'T', other, ..]
        | [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', other, ..] => level(Version::V4, *other),
        _ => Err((
            None,
            Fault::Malformed {
                what: "protocol name",
            },
        )),
    }
}

fn check_client(connect: &Connect) -> Result<(), Fault> {
    let what = if connect.client.len() > CLIENT_ID_MAX {
        "is longer than 256 bytes"
    } else if connect.client.contains('\0') {
        "has U+0000"
    } else if connect.client.is_empty() && connect.version == Version::V4 && !connect.clean {
        "is empty, which needs a clean session"
    } else {
        return Ok(());
    };
    Err(Fault::ClientId { what })
}

fn read_v4(packet: &[u8]) -> Result<Connect, Fault> {
    let what = "CONNECT";
    let read = v4::Packet::read(&mut BytesMut::from(packet), packet.len());
    let Ok(v4::Packet::Connect(read)) = read else {
        return Err(Fault::Malformed { what });
    };
    let will = match read.last_will {
        Some(will) => Some(Will::new(will.topic.as_bytes(), &will.message, 0)?),
        None => None,
    };
    Ok(Connect {
        version: Version::V4,
        client: read.client_id,
        clean: read.clean_session,
        expiry_secs: read.clean_session.then_some(0),
        keep_alive: read.keep_alive,
        will,
        login: read.login.map(|login| (login.username, login.password)),
    })
}

fn read_v5(packet: &[u8]) -> Result<Connect, Fault> {
    let what = "CONNECT";
    let read = v5::Packet::read(&mut BytesMut::from(Bytes::copy_from_slice(packet)), None);
    let Ok(v5::Packet::Connect(read, will, login)) = read else {
        return Err(Fault::Malformed { what });
    };
    let properties = read.properties.unwrap_or_default();
    if properties.authentication_method.is_some() {
        return Err(Fault::Method);
    }
    if properties.authentication_data.is_some() || properties.receive_maximum == Some(0) {
        let what = "a property of CONNECT";
        return Err(Fault::Unexpected { what });
    }
    let will = match will {
        Some(will) => {
            let delay = will.properties.and_then(|p| p.delay_interval);
            Some(Will::new(&will.topic, &will.message, delay.unwrap_or(0))?)
        }
        None => None,
    };
    Ok(Connect {
        version: Version::V5,
        client: read.client_id,
        clean: read.clean_start,
        expiry_secs: Some(properties.session_expiry_interval.unwrap_or(0)),
        keep_alive: read.keep_alive,
        will,
        login: login.map(|login| (login.username, login.password)),
    })
}

#[cfg(test)]
mod tests;
