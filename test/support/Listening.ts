/**
 * Servers on ports that the system chooses.
 */
import { once } from "node:events"
import { createServer, type Server } from "node:net"
import { Effect, type Scope } from "effect"

/** Where a server listens. */
export const portOf = (server: Pick<Server, "address">): number => {
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the server does not listen on a port")
  return address.port
}

/** The port, as soon as the server listens there. */
export const listen = async (server: Server, host = "127.0.0.1"): Promise<number> => {
  await once(server.listen(0, host), "listening")
  return portOf(server)
}

/** A port of 127.0.0.1 that was free a moment ago; whoever takes it in between makes its user fail. */
export const findFreePort = async (): Promise<number> => {
  const server = createServer()
  const port = await listen(server)
  await once(server.close(), "close")
  return port
}

/** The port of a server that listens for as long as the scope, whose end waits for the connections to theirs. */
export const listening = (server: Server, host = "127.0.0.1", port = 0): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(port, host, () => resume(Effect.sync(() => portOf(server))))
    }),
    () => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
  )

/** A server that takes whatever comes, and says nothing. */
export const silentServer = (): Server => createServer((socket) => socket.on("error", () => socket.destroy()).resume())
