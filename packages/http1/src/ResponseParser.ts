/**
 * The answer to one request after the other, read from the bytes of a connection as they arrive.
 *
 * Nothing here touches a connection or a clock: bytes go in by `feed`, what they mean comes out by the sink, and any
 * split of the bytes gives the same calls, but for where `onBody` is cut. A message that lies in one chunk is read in
 * place; only a head or trailer section that is split is gathered, and dropped when complete.
 *
 * A sink may call `stop` in any of its methods, and `begin` in `onMessageEnd`: nothing is read or told after that.
 */
import { ChunkedDecoder } from "./ChunkedDecoder.ts"
import type { Fault } from "./Fault.ts"
import { malformed, tooLarge } from "./Fault.ts"
import { Framing } from "./Framing.ts"
import { HeadScanner, scanUnfinished } from "./HeadScanner.ts"
import type { Http1Limits } from "./Http1Limits.ts"
import { decodeLatin1 } from "./Latin1.ts"
import type { RawHeaders, ResponseHead } from "./Message.ts"
import { ParsedHead, readFieldLines } from "./ParsedHead.ts"

export interface ResponseSink {
  /** A 1xx head other than 101. */
  onInterimHead(head: ResponseHead): void
  onFinalHead(head: ResponseHead): void
  /** Borrowed, like the chunk it is a part of. */
  onBodyBytes(bytes: Uint8Array): void
  /** The message is complete; `excessByteCount` bytes of the chunk follow it. */
  onMessageEnd(excessByteCount: number, trailers: RawHeaders): void
  /** The last head of HTTP on this connection; `rest` is a copy of what follows it. */
  onSwitch(head: ResponseHead, rest: Uint8Array): void
  /** The parser has stopped. */
  onFault(fault: Fault): void
}

/** What is being read. */
type Phase = "stopped" | "head" | "sized-body" | "chunked-body" | "close-body" | "trailers"

const noTrailers: RawHeaders = Object.freeze([])

export class ResponseParser {
  readonly framing = new Framing()
  /** Has any byte of the answer come? */
  hasStarted = false
  /** Has the final head come? */
  hasHead = false
  readonly #sink: ResponseSink
  readonly #limits: Http1Limits
  readonly #scanner = new HeadScanner()
  readonly #decoder = new ChunkedDecoder()
  #phase: Phase = "stopped"
  #method = ""
  #isUpgrade = false
  #interimCount = 0
  /** Bytes left of a sized body. */
  #bodyByteCount = 0
  /** Memory for a section that did not arrive in one chunk; its first `#gatheredCount` bytes are filled. */
  #gathered: Uint8Array | undefined
  #gatheredCount = 0

  constructor(sink: ResponseSink, limits: Http1Limits) {
    this.#sink = sink
    this.#limits = limits
  }

  /** Expects the answer to a request with this method, which may ask for an upgrade. */
  begin(method: string, isUpgrade: boolean): void {
    this.#method = method
    this.#isUpgrade = isUpgrade
    this.hasStarted = false
    this.hasHead = false
    this.#interimCount = 0
    this.framing.begin()
    this.#beginHead()
  }

  /** Reads and tells nothing more until `begin`. */
  stop(): void {
    this.#phase = "stopped"
    this.#gathered = undefined
  }

  /** The bytes are not kept. */
  feed(chunk: Uint8Array): void {
    if (chunk.length > 0) this.hasStarted = true
    let index = 0
    while (index < chunk.length) {
      switch (this.#phase) {
        case "head":
        case "trailers":
          index = this.#readSection(chunk, index)
          break
        case "sized-body":
          index = this.#readSized(chunk, index)
          break
        case "chunked-body":
          index = this.#readChunked(chunk, index)
          break
        case "close-body":
          this.#sink.onBodyBytes(view(chunk, index, chunk.length))
          return
        case "stopped":
          return
      }
    }
  }

  /** No more bytes will come. True if that ends the message, as the sink has then been told. */
  finish(): boolean {
    if (this.#phase !== "close-body") return false
    this.stop()
    this.#sink.onMessageEnd(0, noTrailers)
    return true
  }

  /** Where in the answer the bytes have come to, for messages. */
  describePosition(): string {
    switch (this.#phase) {
      case "head":
        return this.hasStarted
          ? `in the head of the answer, after ${this.#scanner.scannedCount} of its bytes`
          : "before any byte of the answer"
      case "sized-body":
        return `with ${this.#bodyByteCount} of ${this.framing.byteCount} body bytes missing`
      case "chunked-body":
        return "in a chunked body, before its last chunk"
      case "close-body":
        return "in a body that ends with the connection"
      case "trailers":
        return "in the trailer section"
      case "stopped":
        return "outside an answer"
    }
  }

  #beginHead(): void {
    this.#phase = "head"
    this.#scanner.begin("head", this.#limits.headByteCountMax, this.#limits.headerCountMax)
  }

  /** Each of the readers below returns the index it came to; the chunk's length once nothing more is to be read. */
  #readSection(chunk: Uint8Array, start: number): number {
    let bytes = chunk
    let sectionStart = start
    /** What has to be added to an index of `bytes` to make it one of `chunk`. */
    let shift = 0
    if (this.#gathered !== undefined) {
      shift = start - this.#gatheredCount
      bytes = this.#gather(this.#gathered, chunk, start)
      sectionStart = 0
    }
    const sectionEnd = this.#scanner.scan(bytes, sectionStart, bytes === chunk ? chunk.length : this.#gatheredCount)
    if (this.#scanner.fault !== undefined) return this.#refuse(this.#scanner.fault, chunk)
    if (sectionEnd === scanUnfinished) {
      if (bytes === chunk) {
        this.#gatheredCount = 0
        this.#gather(new Uint8Array(gatheredByteCountMin), chunk, start)
      }
      return chunk.length
    }
    this.#gathered = undefined
    return this.#phase === "head"
      ? this.#readHead(bytes, sectionStart, sectionEnd, chunk, sectionEnd + shift)
      : this.#readTrailers(bytes, sectionStart, sectionEnd, chunk, sectionEnd + shift)
  }

  /** Appends what the section may still need of the chunk to `memory`, or to larger memory in its place. */
  #gather(memory: Uint8Array, chunk: Uint8Array, start: number): Uint8Array {
    const byteCountMax = this.#phase === "head" ? this.#limits.headByteCountMax : this.#limits.trailerByteCountMax
    const total = Math.min(this.#gatheredCount + chunk.length - start, byteCountMax)
    let gathered = memory
    if (total > gathered.length) {
      gathered = new Uint8Array(Math.max(total, Math.min(2 * gathered.length, byteCountMax)))
      gathered.set(memory.subarray(0, this.#gatheredCount))
    }
    gathered.set(view(chunk, start, start + total - this.#gatheredCount), this.#gatheredCount)
    this.#gathered = gathered
    this.#gatheredCount = total
    return gathered
  }

  #readHead(bytes: Uint8Array, start: number, end: number, chunk: Uint8Array, next: number): number {
    const framing = this.framing
    const fault = framing.read(bytes, start, this.#scanner, this.#method, this.#isUpgrade)
    if (fault !== undefined) return this.#refuse(fault, chunk)
    const head = new ParsedHead(decodeLatin1(bytes, start, end), framing.status, framing.version)
    if (framing.isSwitch) {
      this.stop()
      this.#sink.onSwitch(head, new Uint8Array(view(chunk, next, chunk.length)))
      return chunk.length
    }
    if (framing.status < 200) {
      if (++this.#interimCount > this.#limits.informationalCountMax) {
        const detail = `more than ${this.#limits.informationalCountMax} 1xx answers came before the final one, the limit set by informationalCountMax`
        return this.#refuse(tooLarge(detail), chunk)
      }
      this.#beginHead()
      this.#sink.onInterimHead(head)
      return next
    }
    this.hasHead = true
    switch (framing.body) {
      case "none":
      case "sized":
        this.#phase = "sized-body"
        this.#bodyByteCount = framing.body === "sized" ? framing.byteCount : 0
        break
      case "chunked":
        this.#phase = "chunked-body"
        this.#decoder.begin(this.#limits.chunkExtensionByteCountMax)
        break
      case "close":
        this.#phase = "close-body"
    }
    this.#sink.onFinalHead(head)
    return this.#isIn("sized-body") && this.#bodyByteCount === 0 ? this.#end(chunk, next, noTrailers) : next
  }

  #readSized(chunk: Uint8Array, start: number): number {
    const end = Math.min(start + this.#bodyByteCount, chunk.length)
    this.#bodyByteCount -= end - start
    this.#sink.onBodyBytes(view(chunk, start, end))
    return this.#isIn("sized-body") && this.#bodyByteCount === 0 ? this.#end(chunk, end, noTrailers) : end
  }

  #readChunked(chunk: Uint8Array, start: number): number {
    const decoder = this.#decoder
    const next = decoder.step(chunk, start, chunk.length)
    if (decoder.fault !== undefined) return this.#refuse(decoder.fault, chunk)
    if (decoder.dataEnd > decoder.dataStart) {
      this.#sink.onBodyBytes(view(chunk, decoder.dataStart, decoder.dataEnd))
    } else if (decoder.isAtEnd) {
      this.#phase = "trailers"
      this.#scanner.begin("trailer section", this.#limits.trailerByteCountMax, this.#limits.trailerCountMax)
    }
    return next
  }

  #readTrailers(bytes: Uint8Array, start: number, end: number, chunk: Uint8Array, next: number): number {
    const scanner = this.#scanner
    if (scanner.fieldCount === 0) return this.#end(chunk, next, noTrailers)
    for (let index = 0; index < scanner.notableCount; index++) {
      const name = scanner.notable[index]?.name
      if (name === "content-length" || name === "transfer-encoding") {
        return this.#refuse(malformed(`${name} in the trailer section (RFC 9110 section 6.5.1)`), chunk)
      }
    }
    return this.#end(chunk, next, readFieldLines(decodeLatin1(bytes, start, end), 0))
  }

  #end(chunk: Uint8Array, next: number, trailers: RawHeaders): number {
    this.stop()
    this.#sink.onMessageEnd(chunk.length - next, trailers)
    return chunk.length
  }

  #refuse(fault: Fault, chunk: Uint8Array): number {
    this.stop()
    this.#sink.onFault(fault)
    return chunk.length
  }

  /** Asked after a call to the sink, which may have stopped the parser. */
  #isIn(phase: Phase): boolean {
    return this.#phase === phase
  }
}

const gatheredByteCountMin = 1024

/** The chunk itself where it is meant whole; never a copy. */
const view = (chunk: Uint8Array, start: number, end: number): Uint8Array =>
  start === 0 && end === chunk.length ? chunk : new Uint8Array(chunk.buffer, chunk.byteOffset + start, end - start)
