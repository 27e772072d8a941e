/**
 * The vocabulary of HTTP/1.1 messages, and what a session and its user say to each other.
 *
 * A session carries one exchange at a time on one connection. It speaks in plain calls, since they are made once per
 * message and once per chunk; what turns them into effects, streams and promises lives above.
 */
import type { Http1Error } from "./Http1Error.ts"

/**
 * Header fields in the order sent, names and values alternating: `["Host", "a.test", "Accept", "*\/*"]`.
 * A field that occurs twice stands twice. Names keep the sender's spelling.
 */
export type RawHeaders = ReadonlyArray<string>

/**
 * How a request's body is framed. `empty`: there is none, and no framing header is sent for methods that need none.
 * `bytes`: known from the start, sent with the head. `sized`: a stream of exactly `byteCount` bytes. `chunked`: a stream
 * of unknown length.
 */
export type RequestBody =
  | { readonly _tag: "empty" }
  | { readonly _tag: "bytes"; readonly bytes: Uint8Array }
  | { readonly _tag: "sized"; readonly byteCount: number }
  | { readonly _tag: "chunked" }

/**
 * What to send. `Host` has to be among the headers, exactly once. The fields that frame a message or speak for one
 * connection must not be: `Content-Length`, `Transfer-Encoding`, `Connection`, `Expect`, `Keep-Alive` and
 * `Proxy-Connection`; the session derives what is needed from the other members. `Upgrade` may stand there only with
 * `isUpgrade`, `TE` only as `trailers`.
 */
export interface RequestHead {
  readonly method: string
  /** origin-form, absolute-form, authority-form or `*` (RFC 9112 section 3.2). */
  readonly target: string
  readonly headers: RawHeaders
  readonly body: RequestBody
  /** False asks the server to close after the answer (`Connection: close`). Default: true. */
  readonly isKeepAlive?: boolean
  /**
   * True for an upgrade request: `Connection: upgrade` is sent, the `Upgrade` header is the caller's. Its body is
   * `empty` or `bytes`, since the protocol cannot change in the middle of a request (RFC 9110 section 7.8).
   */
  readonly isUpgrade?: boolean
  /**
   * Sends `Expect: 100-continue` and holds the body until `100 Continue` or `Session.releaseBody`. A body known to be
   * empty is not announced this way (RFC 9110 section 10.1.1). Default: false.
   */
  readonly expectsContinue?: boolean
}

/** The head of an answer, its fields found but not yet copied. */
export interface ResponseHead {
  /** 100 to 999 (RFC 9110 section 15: three digits). */
  readonly status: number
  readonly reasonPhrase: string
  readonly version: "1.0" | "1.1"
  readonly headers: RawHeaders
  /** The first value of a field, its name in lower case. Costs a scan, allocates only what it returns. */
  get(lowerCaseName: string): string | undefined
}

/** Why a connection can or cannot carry another exchange; the reuse gate's verdict. */
export type ReuseVerdict =
  /**
   * The next exchange may start now. `idleMillisMax` and `usesMax`: what the server's `Keep-Alive: timeout=, max=`
   * allows from now on, if it said.
   */
  | { readonly _tag: "reusable"; readonly idleMillisMax: number | undefined; readonly usesMax: number | undefined }
  | { readonly _tag: "closing"; readonly reason: ClosingReason }

/** The closed set of reasons against reuse. Where several hold, the first of this order is given. */
export type ClosingReason =
  /** Bytes followed the message, or may have: the connection had more to say. */
  | "excess-bytes"
  /** The body ended with the connection. */
  | "close-delimited"
  /** The final answer came before the request was fully sent. */
  | "request-unfinished"
  /** `Connection: close` in the request. */
  | "request-close"
  /** `Connection: close` in the response, or HTTP/1.0 without keep-alive. */
  | "response-close"
  /** The peer had already sent FIN, or the connection failed. */
  | "peer-closed"

/**
 * Who receives an answer. Calls come in this order: onInformational*, onHead, onBody*, then one last call: onComplete,
 * onUpgrade (in place of onHead) or onFailure. After `Session.abort` no call comes.
 */
export interface ResponseReceiver {
  /** A 1xx answer other than 101: `100 Continue`, `103 Early Hints`. */
  onInformational(head: ResponseHead): void
  onHead(head: ResponseHead): void
  /** Body bytes, borrowed until the call returns. */
  onBody(chunk: Uint8Array): void
  /**
   * The message is complete. If the verdict says `reusable` the session is free, and the next exchange may start, or
   * the session be given away, inside this call; if it says `closing` the session has closed the connection.
   * `trailers` are the fields that followed a chunked body.
   */
  onComplete(verdict: ReuseVerdict, trailers: RawHeaders): void
  /**
   * 101, or 2xx to CONNECT: the connection is no longer HTTP and the session is done with it. `rest` are the bytes that
   * came after the head, owned by the receiver, who must attach a handler of its own inside this call: what arrives
   * unattended closes the connection. From that handler on the session's owner hears nothing more.
   */
  onUpgrade(head: ResponseHead, rest: Uint8Array): void
  /**
   * What one read brought has been handed on, and the message goes on. A receiver that wakes somebody at the head may
   * wait for this call or for the last one, whichever comes first: a short answer is then whole when it is looked at.
   */
  onReadEnd?(): void
  /**
   * What was queued has left: more of the request's body may be written, or the last of it has gone. Also when `100
   * Continue` releases a held body.
   */
  onWritable(): void
  /** The exchange failed and the connection is closed, or closing; only `InvalidRequest` with `unsent` leaves it usable. */
  onFailure(error: Http1Error): void
}
