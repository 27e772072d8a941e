/**
 * One connect in plain text, from the target to an open connection or an error that names its phase.
 *
 * Of the addresses of a name the first that answers wins. Whatever exit the effect has but success, no descriptor is left
 * open: an interrupted connect returns when every one is closed.
 */
import { isIP } from "node:net"
import { Phases } from "@weir/node/sockets"
import {
  type Connection,
  type ConnectObserver,
  type ConnectPath,
  inOneStep,
  reach,
  Target,
  type TransportError
} from "@weir/transport"
import { Clock, Effect } from "effect"
import { DenoConnection } from "./DenoConnection.ts"
import { connectError } from "./DenoErrors.ts"
import { connectTcp, connectUnix, type DenoSocket } from "./DenoSocket.ts"
import type { LargeBuffers } from "./ReadBuffer.ts"

/** What all connects of one connector share. */
export interface DialShared {
  readonly path: ConnectPath
  readonly largeBuffers: LargeBuffers
}

export const dial = (
  { largeBuffers, path }: DialShared,
  address: Target.Address,
  observer: ConnectObserver | undefined
): Effect.Effect<Connection, TransportError> =>
  Clock.clockWith((clock) => {
    const label = Target.formatAddress(address)
    const isName = address._tag === "Tcp" && isIP(address.host) === 0
    const phases = new Phases(isName ? "dns" : "tcp", clock, observer)
    const connectionOver = (socket: DenoSocket, ip: string | undefined): Connection => {
      phases.end()
      return new DenoConnection(infoOf(socket, address, ip, phases), socket, label, largeBuffers)
    }
    phases.begin()
    if (address._tag === "Unix")
      return open(
        () => connectUnix(address.path),
        label,
        (socket) => connectionOver(socket, undefined)
      )
    const { host, port } = address
    if (!isName)
      return open(
        (signal) => connectTcp(host, port, signal),
        label,
        (socket) => connectionOver(socket, undefined)
      )
    let opened: Connection | undefined
    const reaching = reach(path, {
      address,
      localAddress: undefined,
      onResolved: () => phases.enter("tcp"),
      attempt: (ip, triedLabel) =>
        open(
          (signal) => connectTcp(ip, port, signal),
          triedLabel,
          (socket) => new Reached(socket, ip)
        ),
      discard: (reached) => Effect.sync(() => reached.close())
    })
    const opening = Effect.map(reaching, ({ ip, socket }) => {
      opened = connectionOver(socket, ip)
      return opened
    })
    return inOneStep(
      opening,
      Effect.sync(() => opened?.close())
    )
  })

/** One of a name's addresses has answered. */
class Reached {
  readonly socket: DenoSocket
  readonly ip: string

  constructor(socket: DenoSocket, ip: string) {
    this.socket = socket
    this.ip = ip
  }

  close(): void {
    this.socket.close()
  }
}

/**
 * Opens a socket, and makes of it what is wanted. Interrupted, it returns when the socket is closed; that may be one that
 * was handed to the fiber already, if the fiber yielded before it took it.
 */
const open = <A extends { close(): void }>(
  connect: (signal: AbortSignal) => Promise<DenoSocket>,
  label: string,
  make: (socket: DenoSocket) => A
): Effect.Effect<A, TransportError> =>
  Effect.callback<A, TransportError>((resume) => {
    const abort = new AbortController()
    let made: A | undefined
    const ended = connect(abort.signal).then(
      (socket) => {
        if (abort.signal.aborted) {
          socket.close()
          return
        }
        made = make(socket)
        resume(Effect.succeed(made))
      },
      (cause: unknown) => resume(Effect.fail(connectError(cause, "tcp", label)))
    )
    return Effect.promise(() => {
      abort.abort()
      made?.close()
      return ended
    })
  })

const infoOf = (
  socket: DenoSocket,
  address: Target.Address,
  ip: string | undefined,
  phases: Phases
): Connection["info"] => {
  const { localAddr, remoteAddr } = socket
  return {
    layer: "deno",
    remoteAddress: ip ?? (remoteAddr.transport === "tcp" ? remoteAddr.hostname : (remoteAddr.path ?? "")),
    ...(ip === undefined || address._tag === "Unix" ? {} : { resolvedFrom: address.host }),
    remotePort: address._tag === "Unix" ? 0 : address.port,
    localAddress: localAddr.transport === "tcp" ? localAddr.hostname : "",
    localPort: localAddr.transport === "tcp" ? localAddr.port : 0,
    timing: phases.timing
  }
}
