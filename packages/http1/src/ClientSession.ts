/**
 * The session: joins a connection, the parser and the encoder, and holds the reuse gate.
 */
import type { Connection, ConnectionHandler, TransportError } from "@weir/transport"
import type { Fault } from "./Fault.ts"
import { malformed } from "./Fault.ts"
import type { Http1Reason } from "./Http1Error.ts"
import { http1Error } from "./Http1Error.ts"
import type { Http1Limits } from "./Http1Limits.ts"
import { defaultHttp1Limits } from "./Http1Limits.ts"
import { decodeLatin1 } from "./Latin1.ts"
import type {
  ClosingReason,
  RawHeaders,
  RequestBody,
  RequestHead,
  ResponseHead,
  ResponseReceiver,
  ReuseVerdict
} from "./Message.ts"
import { encodeChunk, encodeLastChunk, encodeRequestHead, hasContent } from "./RequestEncoder.ts"
import type { ResponseSink } from "./ResponseParser.ts"
import { ResponseParser } from "./ResponseParser.ts"
import type { IdleEvent, Session, SessionOwner } from "./Session.ts"

/**
 * A session on an open connection. It becomes the connection's reader at once, so that a peer that speaks first is heard.
 */
export const makeSession = (
  connection: Connection,
  owner: SessionOwner,
  limits: Http1Limits = defaultHttp1Limits
): Session => new ClientSession(connection, owner, limits)

/**
 * The lifecycle: `idle` and `busy` (or `lent`) in turn, until `detached` by an upgrade or `closed`.
 *
 * One object is all there is to a session: it is the connection's handler and the parser's sink, so that an exchange
 * costs no closure. Each call out of it (to the receiver or the owner) may come back in with `abort`, `start`, `pause`
 * or a piece of the body; therefore the state is brought up to date before the call, and looked at again after it.
 */
class ClientSession implements Session, ConnectionHandler, ResponseSink {
  readonly connection: Connection
  readonly #owner: SessionOwner
  readonly #parser: ResponseParser
  #state: "idle" | "busy" | "lent" | "detached" | "closed" = "idle"
  /** Present while busy. */
  #receiver: ResponseReceiver | undefined
  #isPaused = false
  #keepsAlive = true
  /** `suppressed`: a final answer came while the body was held, so it will never be sent. */
  #request: "streaming" | "ended" | "suppressed" = "ended"
  #isChunked = false
  /** The last piece of a sized body has been written, and queued or held. */
  #isLastQueued = false
  /** Bytes that a sized body still owes. */
  #owedByteCount = 0
  /** Pieces of the body that wait for `100 Continue`; as many as a caller writes before it heeds `writeBody`'s false. */
  #held: Array<Uint8Array | string> | undefined
  /** The connection has queued what was written last, and has not drained since. */
  #isBlocked = false

  constructor(connection: Connection, owner: SessionOwner, limits: Http1Limits) {
    this.connection = connection
    this.#owner = owner
    this.#parser = new ResponseParser(this, limits)
    connection.attach(this)
  }

  get isBusy(): boolean {
    return this.#state === "busy"
  }

  start(head: RequestHead, receiver: ResponseReceiver): void {
    if (this.#state === "busy") {
      throw new Error("HTTP/1.1 session: an exchange is running; start the next one in or after its last call")
    }
    const encoded = encodeRequestHead(head)
    if (typeof encoded !== "string") {
      receiver.onFailure(http1Error({ ...encoded, progress: "unsent" }))
      return
    }
    if (this.#state !== "idle" || !this.connection.isOpen) {
      receiver.onFailure(
        http1Error({
          reason: "ConnectionClosed",
          progress: "unsent",
          detail: "the connection had ended before the request was written"
        })
      )
      return
    }
    this.#state = "busy"
    this.#receiver = receiver
    this.#keepsAlive = head.isKeepAlive !== false
    this.#held = head.expectsContinue === true && hasContent(head.body) ? [] : undefined
    this.#parser.begin(head.method, head.isUpgrade === true)
    this.#sendHead(encoded, head.body)
  }

  writeBody(chunk: Uint8Array): boolean {
    if (this.#state !== "busy" || this.#request === "suppressed") return false
    if (chunk.length === 0) return this.#canWrite
    if (this.#request === "ended" || (!this.#isChunked && chunk.length > this.#owedByteCount)) {
      this.#fail("BodyLengthMismatch", `the body is ${chunk.length - this.#owedByteCount} bytes longer than announced`)
      return false
    }
    if (this.#isChunked) return this.#sendChunk(chunk)
    this.#owedByteCount -= chunk.length
    const isLast = this.#owedByteCount === 0
    if (isLast) this.#request = "ended"
    const isFlowing = this.#send(chunk)
    this.#isLastQueued = isLast && !isFlowing
    return isFlowing
  }

  endBody(trailers: RawHeaders = noTrailers): void {
    if (this.#state !== "busy" || this.#request === "suppressed") return
    if (!this.#isChunked && trailers.length > 0) {
      this.#fail("InvalidRequest", "trailers need a chunked body (RFC 9110 section 6.5)")
    } else if (this.#request === "streaming" && !this.#isChunked) {
      this.#fail("BodyLengthMismatch", `the body ended ${this.#owedByteCount} bytes short of what was announced`)
    } else if (this.#request === "streaming") {
      const encoded = encodeLastChunk(trailers)
      if (typeof encoded === "string") {
        this.#request = "ended"
        this.#send(encoded)
      } else {
        this.onFault(encoded)
      }
    }
  }

  releaseBody(): boolean {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) for (const piece of held) this.#write(piece)
    return this.#canWrite || this.#hasLastLeft()
  }

  pause(): void {
    if (this.#state !== "busy" || this.#isPaused) return
    this.#isPaused = true
    this.connection.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.connection.resume()
  }

  lend(reader: ConnectionHandler): void {
    if (this.#state === "busy") throw new Error("HTTP/1.1 session: an exchange is running; lend after its last call")
    if (this.#state === "idle") this.#state = "lent"
    this.connection.attach(reader)
  }

  takeBack(): void {
    if (this.#state !== "lent") return
    this.#state = "idle"
    this.connection.attach(this)
  }

  abort(): void {
    if (this.#state === "busy") this.#leave("closed")
  }

  // What the connection says.

  onData(chunk: Uint8Array): void {
    if (this.#state === "busy") {
      this.#parser.feed(chunk)
      // `hasStarted` is false if the read ended the exchange and its last call started the next.
      if (this.isBusy && this.#parser.hasStarted) this.#receiver?.onReadEnd?.()
    } else if (this.#state === "idle") {
      this.#closeIdle(isRequestTimeout(chunk) ? "request-timeout-408" : "data")
    } else {
      // The receiver of an upgrade attached no handler, so nobody can read this.
      this.connection.close()
    }
  }

  onEnd(): void {
    if (this.#state === "idle") this.#closeIdle("end")
    else if (this.#state !== "busy") this.connection.close()
    else if (!this.#parser.finish()) {
      this.#fail("ConnectionClosed", `the peer closed the connection ${this.#parser.describePosition()}`)
    }
  }

  onDrain(): void {
    this.#isBlocked = false
    if (this.#canWrite || this.#hasLastLeft()) this.#receiver?.onWritable()
  }

  onClose(error: TransportError | undefined): void {
    if (this.#state === "busy") {
      const position = this.#parser.describePosition()
      if (error === undefined) this.#fail("ConnectionClosed", `the connection was closed ${position}`)
      else this.#fail("ConnectionFailed", `the connection failed ${position}: ${error.message}`, error)
    } else if (this.#state === "idle" && error !== undefined) {
      this.#closeIdle("error")
    }
    this.#state = "closed"
    this.#owner.onClosed(error)
  }

  // What the parser says.

  onInterimHead(head: ResponseHead): void {
    this.#receiver?.onInformational(head)
    // If the receiver aborted, nothing is held any more.
    if (head.status === 100 && this.#held !== undefined && this.releaseBody()) this.#receiver?.onWritable()
  }

  onFinalHead(head: ResponseHead): void {
    if (this.#held !== undefined) {
      // RFC 9110 section 10.1.1: the server has decided without the body. It was announced, though, and the server may
      // wait for it, so that another request on this connection could be taken for it: `request-unfinished`.
      this.#held = undefined
      this.#request = "suppressed"
    }
    this.#receiver?.onHead(head)
  }

  onBodyBytes(bytes: Uint8Array): void {
    this.#receiver?.onBody(bytes)
  }

  onMessageEnd(excessByteCount: number, trailers: RawHeaders): void {
    const receiver = this.#receiver
    const verdict = this.#decideReuse(excessByteCount)
    this.#leave(verdict._tag === "reusable" ? "idle" : "closed")
    receiver?.onComplete(verdict, trailers)
  }

  onSwitch(head: ResponseHead, rest: Uint8Array): void {
    if (this.#held !== undefined) {
      this.onFault(malformed("101 came before the 100 that the held body waits for (RFC 9110 section 7.8)"))
      return
    }
    const receiver = this.#receiver
    this.#leave("detached")
    receiver?.onUpgrade(head, rest)
  }

  onFault(fault: Fault): void {
    this.#fail(fault.reason, fault.detail)
  }

  // What we do.

  get #canWrite(): boolean {
    return this.#request === "streaming" && this.#held === undefined && !this.#isBlocked && this.#state === "busy"
  }

  /** True once: whoever wrote the last piece of a sized body was told to wait, and need not any more. */
  #hasLastLeft(): boolean {
    if (!this.#isLastQueued || this.#isBlocked || this.#state !== "busy") return false
    this.#isLastQueued = false
    return true
  }

  #sendHead(encoded: string, body: RequestBody): void {
    this.#request = "ended"
    this.#isChunked = false
    this.#isLastQueued = false
    this.#owedByteCount = 0
    switch (body._tag) {
      case "empty":
        this.#write(encoded)
        return
      case "bytes":
        if (this.#held === undefined && encoded.length + body.bytes.length <= joinedByteCountMax) {
          this.#write(encoded + decodeLatin1(body.bytes, 0, body.bytes.length))
        } else {
          this.#write(encoded)
          this.#send(body.bytes)
        }
        return
      case "sized":
        this.#owedByteCount = body.byteCount
        if (body.byteCount > 0) this.#request = "streaming"
        this.#write(encoded)
        return
      case "chunked":
        this.#isChunked = true
        this.#request = "streaming"
        this.#write(encoded)
    }
  }

  #sendChunk(chunk: Uint8Array): boolean {
    if (chunk.length <= joinedByteCountMax) return this.#send(encodeChunk(chunk))
    this.#send(`${chunk.length.toString(16)}\r\n`)
    this.#send(chunk)
    return this.#send("\r\n")
  }

  /** A piece of the body: written, or held. */
  #send(piece: Uint8Array | string): boolean {
    if (this.#held === undefined) return this.#write(piece)
    this.#held.push(piece)
    return false
  }

  #write(piece: Uint8Array | string): boolean {
    const isFlowing = this.connection.write(piece)
    this.#isBlocked = !isFlowing
    return isFlowing
  }

  /** The reuse gate (RFC 9112 sections 9.3 and 9.6): every condition in the order of `ClosingReason`. */
  #decideReuse(excessByteCount: number): ReuseVerdict {
    const framing = this.#parser.framing
    if (excessByteCount > 0 || this.connection.hasMore) return closing["excess-bytes"]
    if (framing.body === "close") return closing["close-delimited"]
    if (this.#request !== "ended" || this.#isBlocked) return closing["request-unfinished"]
    if (!this.#keepsAlive) return closing["request-close"]
    if (!framing.isPersistent) return closing["response-close"]
    if (!this.connection.isOpen) return closing["peer-closed"]
    const { idleMillisMax, usesMax } = framing
    if (idleMillisMax === undefined && usesMax === undefined) return reusable
    return { _tag: "reusable", idleMillisMax, usesMax }
  }

  /** Ends the exchange; a receiver's last call comes after this, for it may start the next one. */
  #leave(state: "idle" | "detached" | "closed"): void {
    this.#state = state
    this.#receiver = undefined
    this.#held = undefined
    this.#parser.stop()
    this.resume()
    if (state === "closed") this.connection.close()
  }

  #fail(reason: Http1Reason, detail: string, cause?: TransportError): void {
    const receiver = this.#receiver
    const { hasHead, hasStarted } = this.#parser
    const progress = hasHead ? "head-received" : hasStarted ? "response-started" : "sent"
    this.#leave("closed")
    receiver?.onFailure(http1Error({ reason, progress, detail, cause }))
  }

  #closeIdle(event: IdleEvent): void {
    this.#leave("closed")
    this.#owner.onIdleEvent(event)
  }
}

/**
 * Up to this size a body, or a chunk, is copied into one write with its head or framing: one system call and one packet
 * where there would be two. Node writes strings of up to 16 384 bytes from the stack, without allocating.
 */
const joinedByteCountMax = 16_384

const noTrailers: RawHeaders = Object.freeze([])

const reusable: ReuseVerdict = { _tag: "reusable", idleMillisMax: undefined, usesMax: undefined }

/** Verdicts without numbers, made once. */
const closing: { readonly [Reason in ClosingReason]: ReuseVerdict } = {
  "excess-bytes": { _tag: "closing", reason: "excess-bytes" },
  "close-delimited": { _tag: "closing", reason: "close-delimited" },
  "request-unfinished": { _tag: "closing", reason: "request-unfinished" },
  "request-close": { _tag: "closing", reason: "request-close" },
  "response-close": { _tag: "closing", reason: "response-close" },
  "peer-closed": { _tag: "closing", reason: "peer-closed" }
}

/** Does the first read of an unasked answer show the status 408? */
const isRequestTimeout = (chunk: Uint8Array): boolean =>
  requestTimeoutLine.test(decodeLatin1(chunk, 0, Math.min(chunk.length, 13)))

const requestTimeoutLine = /^HTTP\/1\.[01] 408(?:[ \r]|$)/
