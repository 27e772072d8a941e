/**
 * The calls that the suite makes: of every kind that a retry rule tells apart, each with a number of its own.
 */
import { Buffer } from "node:buffer"
import { type Body, type ClientError, type ClientRequest, emptyBody, type WeirClientService } from "@weir/client"
import { Effect, Stream } from "effect"
import { bodyOf, echoOf } from "./Protocol.ts"
import type { Outcome, Told } from "./Verdict.ts"

export interface Kind {
  readonly name: string
  readonly method: string
  readonly isRepeatable: boolean
  readonly bodyOf: (number: number) => Body
  readonly fields?: Partial<ClientRequest>
}

const bytesOf =
  (byteCount: number) =>
  (number: number): Body => ({ _tag: "Bytes", bytes: Buffer.from(bodyOf(number, byteCount)) })

/** One byte in each turn, so that the server meets the body in pieces. */
const dripOf =
  (isReplayable: boolean) =>
  (number: number): Body => ({
    _tag: "Stream",
    isReplayable,
    stream: Stream.fromIterable(bodyOf(number, 8)).pipe(
      Stream.rechunk(1),
      Stream.mapEffect((letter) => Effect.as(Effect.yieldNow, Buffer.from(letter)))
    )
  })

const withoutBody = (): Body => emptyBody

export const get: Kind = { name: "GET", method: "GET", isRepeatable: true, bodyOf: withoutBody }
export const post: Kind = { name: "POST", method: "POST", isRepeatable: false, bodyOf: bytesOf(20) }
export const drippedPost: Kind = {
  name: "POST in drips",
  method: "POST",
  isRepeatable: false,
  bodyOf: dripOf(true)
}

const large = 300_000

/** As often as they stand here. */
export const kinds: readonly [Kind, ...ReadonlyArray<Kind>] = [
  ...([get, get, get, get, get, get, post, post, post, post, post] as const),
  { name: "HEAD", method: "HEAD", isRepeatable: true, bodyOf: withoutBody },
  { name: "DELETE", method: "DELETE", isRepeatable: true, bodyOf: withoutBody },
  { name: "PUT", method: "PUT", isRepeatable: true, bodyOf: bytesOf(40) },
  { name: "PUT in drips", method: "PUT", isRepeatable: true, bodyOf: dripOf(true) },
  { name: "PUT in drips, once", method: "PUT", isRepeatable: false, bodyOf: dripOf(false) },
  { name: "empty POST", method: "POST", isRepeatable: false, bodyOf: withoutBody },
  drippedPost,
  { name: "large POST", method: "POST", isRepeatable: false, bodyOf: bytesOf(large) },
  {
    name: "POST with 100-continue",
    method: "POST",
    isRepeatable: false,
    bodyOf: bytesOf(20),
    fields: { expectsContinue: true }
  },
  {
    name: "POST declared idempotent",
    method: "POST",
    isRepeatable: true,
    bodyOf: bytesOf(20),
    fields: { isIdempotent: true }
  },
  {
    name: "GET declared not idempotent",
    method: "GET",
    isRepeatable: false,
    bodyOf: withoutBody,
    fields: { isIdempotent: false }
  }
]

const failed = ({ message, reason, retry }: ClientError): Outcome => {
  const isLost = reason._tag === "ConnectionLost"
  return {
    _tag: "failed",
    reason: `${reason._tag}: ${message}`,
    isOfConnection: isLost || (reason._tag === "NoConnection" && reason.error.reason._tag === "ConnectFailed"),
    isReused: isLost && reason.isReused,
    progress: isLost ? reason.progress : "",
    retry
  }
}

/** The server, and a client for it. */
export interface Place {
  readonly client: WeirClientService
  readonly port: number
}

/** What is done with the call and its answer. */
export type Manner = "read" | "discard" | { readonly giveUpAfterMillis: number }

/** Makes the call that carries `number`, and says what it was told. */
export const callOnce = (
  { client, port }: Place,
  kind: Kind,
  number: number,
  manner: Manner = "read"
): Effect.Effect<Told> => {
  const { isRepeatable, method, name } = kind
  const told = { number, what: name, isRepeatable, expected: expectedOf(method, number) }
  const exchange = Effect.gen(function* () {
    const response = yield* client.execute({
      origin: client.originFor(false, "127.0.0.1", port),
      method,
      target: `/${number}`,
      headers: [],
      body: kind.bodyOf(number),
      ...kind.fields
    })
    let echo: string | undefined
    if (manner === "discard") response.discard()
    else echo = `${response.status} ${response.head.get("x-number")} ${yield* response.text}`
    const outcome: Outcome = { _tag: "answered", echo }
    return { ...told, outcome, retryCount: response.timing.retryCount }
  }).pipe(Effect.catch((error) => Effect.succeed({ ...told, outcome: failed(error), retryCount: error.retryCount })))
  if (typeof manner === "string") return exchange
  return Effect.timeoutOrElse(exchange, {
    duration: manner.giveUpAfterMillis,
    orElse: () => Effect.succeed({ ...told, outcome: { _tag: "given-up" } as const, retryCount: 0 })
  })
}

const expectedOf = (method: string, number: number): string =>
  `200 ${number} ${method === "HEAD" ? "" : echoOf(number)}`
