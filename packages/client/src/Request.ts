/**
 * What the client is asked to send, and what it gives back.
 */
import type { RawHeaders, ResponseHead } from "@weir/http1"
import type { Connection, ConnectionInfo, ConnectTiming } from "@weir/transport"
import type { Duration, Effect, Stream } from "effect"
import type { ClientError } from "./ClientError.ts"
import type { Origin } from "./Origin.ts"
import type { BodySink } from "./ResponseBody.ts"

/**
 * A request's body. Bytes can be sent again. A stream is run once, unless `isReplayable` says that running it again
 * gives the same bytes.
 */
export type Body =
  | { readonly _tag: "Empty" }
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  | {
      readonly _tag: "Stream"
      readonly stream: Stream.Stream<Uint8Array, unknown>
      /** Sent as `Content-Length`; absent: chunked. */
      readonly byteCount?: number | undefined
      readonly isReplayable?: boolean
    }

/** No body. */
export const emptyBody: Body = { _tag: "Empty" }

/** A request as the client sends it. */
export interface ClientRequest {
  readonly origin: Origin
  readonly method: string
  /** Path and query, or another form of target. */
  readonly target: string
  /** Name, value, name, value. `Host` is added unless it is here; framing fields must not be. */
  readonly headers: RawHeaders
  readonly body: Body
  /** May the request be sent again though its method is not idempotent? Default: by the method. */
  readonly isIdempotent?: boolean | undefined
  /** Announces the body with `Expect: 100-continue` and holds it for `expectContinueTimeout` at most. */
  readonly expectsContinue?: boolean | undefined
  /** False: the connection is closed after the answer, and the server told so. Default true. */
  readonly isKeepAlive?: boolean | undefined
  /** Asks for a change of protocol; the answer's `upgraded` has the connection. */
  readonly isUpgrade?: boolean | undefined
  /** Over the whole call; default: the client's `requestTimeout`. */
  readonly timeout?: Duration.Input | undefined
  /**
   * Discards the answer when it is aborted, and does nothing once the body has ended. (Before the answer, interrupt the
   * call.)
   */
  readonly signal?: AbortSignal | undefined
  /** Names the caller in the pool's reports. */
  readonly holder?: string | undefined
  /** Called with each 1xx answer but 101. */
  readonly onInformational?: ((head: ResponseHead) => void) | undefined
  /** Has the call timed exactly; called once an answered call is over, after its connection has gone back. */
  readonly onTiming?: ((timing: CallTiming) => void) | undefined
}

/**
 * How a call went, for those who ask. Times in milliseconds; `…AfterMillis` counts from the start of the call.
 * They are whole numbers, unless the call was given `onTiming`.
 */
export interface CallTiming {
  /** The connection was leased: for the last try, if there were several. */
  readonly leasedAfterMillis: number
  /** Of that, what was not spent dialling this connection: the queue, validation, and tries that came to nothing. */
  readonly queuedMillis: number
  /** The phases of the dial. Absent: the connection was there when the call began. */
  readonly connect: ConnectTiming | undefined
  /** The answer's head had come. */
  readonly headAfterMillis: number
  /** The body had ended, or was given up. Absent before, and for calls without `onTiming`. */
  readonly endAfterMillis: number | undefined
  /** Had the connection carried another call? */
  readonly isReused: boolean
  /** For how long the connection had been idle, or open and unused, before this call. */
  readonly idleBeforeMillis: number
  readonly retryCount: number
}

/** An answer's head, and its body as it is wanted. It holds a connection until the body has been read or discarded. */
export interface ClientResponse {
  readonly status: number
  readonly head: ResponseHead
  readonly connection: ConnectionInfo
  readonly timing: CallTiming
  /** The whole body. Reading it a second time gives nothing. */
  readonly bytes: Effect.Effect<Uint8Array<ArrayBuffer>, ClientError>
  readonly text: Effect.Effect<string, ClientError>
  /** The body as it comes. Stopping early closes the connection, unless what is left is small. */
  readonly stream: Stream.Stream<Uint8Array, ClientError>
  /** Is all of the body here, and the connection back in the pool? */
  readonly isComplete: boolean
  /** What is here of the body, and the reader's from now on: all of it if `isComplete`. Not beside another reader. */
  takeUnsafe(): Uint8Array<ArrayBuffer>
  /** Fields that followed a chunked body; empty before its end. */
  readonly trailers: RawHeaders
  /** Pushes the body into a sink; for proxies. `resume` after the sink has said false. */
  pipeTo(sink: BodySink): void
  resume(): void
  /**
   * Gives up what is left of the body: a little is read to keep the connection, otherwise it is closed. After an upgrade
   * it closes the connection.
   */
  discard(): void
  /** After 101, or 2xx to CONNECT: the raw connection. It counts against the pool's limits until `close`. */
  readonly upgraded: Upgraded | undefined
}

/** The connection after 101, which is HTTP's no longer. */
export interface Upgraded {
  /** Paused: attach a handler, then resume. */
  readonly connection: Connection
  /** Bytes that came with the answer's head. */
  readonly rest: Uint8Array
  /** The connection has failed before a handler was attached; one that is attached now hears nothing. */
  readonly isClosed: boolean
  /** Closes the connection and gives its permits back to the pool. */
  readonly close: () => void
}
