//! HTTP, over a socket.
