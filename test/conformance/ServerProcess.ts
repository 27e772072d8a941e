/**
 * A server that others wrote, for as long as a scope: its directory, its process, and a port that was free a moment ago.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import type { Connection } from "@weir/transport"
import { Effect, type Scope } from "effect"
import { isListening, makeServerDirectory, startForeign } from "../support/ForeignServer.ts"
import { findFreePort } from "../support/Listening.ts"
import { expectNoSocketsTo } from "../support/openSockets.ts"
import { Reader } from "./Reader.ts"

/** Where a server is, and whatever belongs to it. */
export interface Places {
  readonly directory: string
  /** Of 127.0.0.1. */
  readonly port: number
}

export interface ServerProgram {
  readonly program: string
  readonly argumentsAt: (places: Places) => ReadonlyArray<string>
  /** By name, in the directory. */
  readonly filesAt: (places: Places) => Readonly<Record<string, string | Uint8Array>>
  /** The Unix sockets it makes in the directory, and listens at before it listens at its port. */
  readonly unixSockets: ReadonlyArray<string>
}

/** Starts a server and waits until it listens. Connections to it have to be closed before it is. */
export const startServer = (server: ServerProgram): Effect.Effect<Places, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* makeServerDirectory
    const places: Places = { directory, port: yield* Effect.promise(findFreePort) }
    yield* startForeign({
      program: server.program,
      arguments: server.argumentsAt(places),
      directory,
      files: server.filesAt(places),
      // No one knocks at the Unix sockets: a server that passes bytes on would pass the knock on too.
      isReady: async () =>
        server.unixSockets.every((name) => existsSync(join(directory, name))) && (await isListening(places.port)),
      stopMillisMax: 0
    })
    yield* Effect.addFinalizer(() => expectNoSocketsTo(places.port))
    return places
  })

/** Asks for a path by HTTP, and returns the answer when the server has closed the connection, as it is told to. */
export const get = (connection: Connection, path = "/"): Effect.Effect<HttpAnswer> =>
  Effect.gen(function* () {
    const reader = new Reader()
    connection.attach(reader)
    connection.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    yield* reader.untilHeard("end")
    connection.end()
    yield* reader.untilHeard("close")
    const headEnd = reader.bytes.indexOf("\r\n\r\n")
    const status = /^HTTP\/1\.1 (\d+)/.exec(reader.text)?.[1]
    return { status: Number(status), body: reader.bytes.subarray(headEnd + 4), error: reader.error }
  })

export interface HttpAnswer {
  readonly status: number
  readonly body: Buffer
  /** How the connection ended, if not well. */
  readonly error: Reader["error"]
}

/** A certificate and its key in one file, as HAProxy wants it, or in two, as nginx does. */
export const tlsFiles = ({ chain, key }: { readonly chain: string; readonly key: string }) => ({
  "server.pem": chain,
  "server.key": key,
  "server.both": chain + key
})
