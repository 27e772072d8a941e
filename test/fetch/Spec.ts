/**
 * Behaviours of fetch as data: each has a name, the place in the Fetch standard that asks for it, and a check that throws
 * where it is not so. The same checks judge Weir's `fetch` and the runtime's own.
 */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

export interface World {
  readonly fetch: Fetch
  /** The URL of a route of `PeerProcess.ts`. */
  readonly at: (path: string, query?: Readonly<Record<string, string | ReadonlyArray<string>>>) => string
}

export interface Spec {
  /** The section of the Fetch standard, by number and name. */
  readonly section: string
  readonly says: string
  readonly check: (world: World) => Promise<void>
}

/** What `/echo` tells of a request. */
export interface Echo {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly rawHeaders: ReadonlyArray<string>
  readonly body: string
  /** The caller's port: the same where the connection is the same. */
  readonly client: number
}

export const echoOf = async (response: Promise<Response>): Promise<Echo> => (await response).json()

export const failureOf = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    (value) => assert.fail(`it did not reject, it gave ${String(value)}`),
    (error: unknown) => error
  )

export const rejectsWithTypeError = async (promise: Promise<unknown>): Promise<void> => {
  const error = await failureOf(promise)
  assert.ok(error instanceof TypeError, `it rejected with ${String(error)}, which is no TypeError`)
}

let idCount = 0
export const nextId = (): string => `${process.pid}-${++idCount}`

export interface Peer extends AsyncDisposable {
  readonly at: World["at"]
}

/** Starts the server that the specs talk to. */
export const startPeer = async (): Promise<Peer> => {
  const node = fileURLToPath(new URL("../../node_modules/.bin/node", import.meta.url))
  const child = spawn(node, [fileURLToPath(new URL("PeerProcess.ts", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"]
  })
  const [port] = await once(child.stdout, "data")
  const base = `http://127.0.0.1:${Number(String(port))}`
  return {
    at: (path, query = {}) => {
      const url = new URL(path, base)
      for (const [name, values] of Object.entries(query)) {
        for (const value of typeof values === "string" ? [values] : values) url.searchParams.append(name, value)
      }
      return url.href
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(child, "close")
      child.stdin.end()
      await closed
    }
  }
}
