/**
 * TLS over a socket of `node:net` that is open already: the tunnel of a proxy.
 *
 * Over any other stream than a socket of its own, Bun ends the connection when the peer ends its side, and says that bytes
 * have left that have not (seen on 1.4.5).
 */
import type { Socket } from "node:net"
import { Inbound, type LowerStream, type Securing, TlsHandshake } from "@weir/node/sockets"
import type { Connection, ConnectionInfo, Restore, TransportError } from "@weir/transport"
import { Clock, Effect, Exit } from "effect"
import { connectionOver } from "./connectionOver.ts"
import { nativeSocketOf } from "./NativeSocket.ts"

/**
 * Secures a paused socket that nobody listens to. To be run uninterruptibly; whatever exit it has but success, the socket
 * has been closed.
 */
export const secureSocket = (
  socket: Socket,
  info: ConnectionInfo,
  securing: Securing,
  restore: Restore
): Effect.Effect<Connection, TransportError> =>
  Clock.clockWith((clock) => {
    const handshake = new TlsHandshake(lowerOf(socket), info, securing, clock)
    return Effect.onExit(restore(handshake.run), (exit) => (Exit.isSuccess(exit) ? Effect.void : handshake.abandon))
  })

const lowerOf = (below: Socket): LowerStream => ({
  stream: below,
  onStarted: (socket) => {
    below.on("error", (cause: Error) => socket.destroy(cause))
  },
  secured: (opened) => {
    const { socket } = opened
    // The handshake had to read; from here on only a reader does.
    socket.pause()
    // The stream alone would let the native socket read on.
    nativeSocketOf(socket)?.pause()
    const inbound = new Inbound(() => socket.resume())
    socket.on("data", (chunk: Uint8Array) => {
      if (!inbound.receive(chunk)) socket.pause()
    })
    return connectionOver({ ...opened, inbound })
  }
})
