/**
 * A caller of the gateway over `node:http`, one connection for each call.
 */
import { request } from "node:http"
import { Effect } from "effect"

export interface CallOptions {
  readonly method?: string
  readonly path?: string
  /** Default: `up.test`. */
  readonly host?: string
  readonly headers?: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly body?: string | Uint8Array
}

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly rawHeaders: ReadonlyArray<string>
  readonly body: string
  /** Did the connection end before the answer did? */
  readonly isBroken: boolean
}

/** Interrupting it ends the connection, as a caller does who goes away. A call without an answer is a defect. */
export const call = (port: number, options: CallOptions = {}): Effect.Effect<Answered> =>
  Effect.callback<Answered>((resume) => {
    const { body, headers, host = "up.test", method = body === undefined ? "GET" : "POST", path = "/" } = options
    const outgoing = request(
      { host: "127.0.0.1", port, method, path, agent: false, headers: { host, ...headers } },
      (message) => {
        const chunks: Array<Buffer> = []
        const end = (isBroken: boolean) => {
          resume(
            Effect.succeed({
              status: message.statusCode ?? 0,
              headers: message.headers,
              rawHeaders: message.rawHeaders,
              body: Buffer.concat(chunks).toString("latin1"),
              isBroken
            })
          )
        }
        message.on("data", (chunk: Buffer) => chunks.push(chunk))
        message.on("end", () => end(false))
        message.on("error", () => end(true))
      }
    )
    outgoing.on("error", (error) => resume(Effect.die(error)))
    outgoing.end(body)
    return Effect.sync(() => outgoing.destroy())
  })
