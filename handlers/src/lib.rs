//! What Gridwich decides. Nothing here can open a socket, read a clock or draw a number.
