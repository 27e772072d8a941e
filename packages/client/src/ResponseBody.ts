/**
 * The body of an answer, between a session that pushes bytes and a reader that may come late, slowly, or never.
 *
 * It keeps what has come up to `bufferByteCount`, then has the session paused. Each byte goes to one reader: `collect`
 * and `pull` take what is kept, `pipeTo` hands bytes on as they come.
 */
import { Cause, Effect, Exit } from "effect"
import type { ClientError } from "./ClientError.ts"

/** What a body asks of the call it belongs to. */
export interface BodyOwner {
  /** What the answer's head says of the body's length; NaN where it says nothing. */
  readonly announcedByteCount: number
  pauseBody(): void
  resumeBody(): void
  /** The reader has taken something or given up waiting for it. */
  noteReader(): void
  /** More has come of a discarded body than its budget allows. */
  abandonBody(): void
}

/** A reader that takes bytes as they come; they are borrowed until the call returns. Its methods must not throw. */
export interface BodySink {
  /** False: wait with more until `ClientResponse.resume`; what had been read already still comes. */
  onChunk(chunk: Uint8Array): boolean
  onEnd(): void
  onError(error: ClientError): void
}

type State =
  | { readonly _tag: "open" }
  | { readonly _tag: "complete" }
  | { readonly _tag: "failed"; readonly error: ClientError }

const open: State = { _tag: "open" }
const complete: State = { _tag: "complete" }

/** So much memory at most is set aside for bytes that were announced and have not come. */
const presizedByteCountMax = 1_048_576

/** Not `slice`: of Node's Buffer that is a view on the same memory. */
const copyOf = (chunk: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(chunk)

export class ResponseBody {
  /** Of the body, so far. */
  receivedByteCount = 0
  private readonly owner: BodyOwner
  private readonly bufferByteCount: number
  private state: State = open
  /** Memory of the body's own, its first `storedByteCount` bytes filled; a short body never has one. */
  private stored: Uint8Array<ArrayBuffer> | undefined
  private storedByteCount = 0
  /**
   * The first piece of what is kept, still in the connection's own memory: whoever takes it before the read is over, as a
   * program does that is woken with the whole answer, saves a copy. `keep` ends that.
   */
  private borrowed: Uint8Array | undefined
  /** Of `borrowed` and `stored` together. */
  private keptByteCount = 0
  private isPaused = false
  private mode: "kept" | "collecting" | "piped" | "discarded" = "kept"
  private sink: BodySink | undefined
  /** Bytes that may still be thrown away to keep the connection. */
  private discardByteCount = 0
  /** Wake the readers that wait for a change. Most bodies are whole before anybody reads them, and have none. */
  private waiting: Set<() => void> | undefined

  constructor(owner: BodyOwner, bufferByteCount: number) {
    this.owner = owner
    this.bufferByteCount = bufferByteCount
  }

  get isComplete(): boolean {
    return this.state._tag === "complete"
  }

  /** Does the reader hold the body up, rather than the server? */
  get isWaitingForReader(): boolean {
    return this.isPaused
  }

  // The session's side.

  push(chunk: Uint8Array): void {
    this.receivedByteCount += chunk.length
    switch (this.mode) {
      case "piped":
        if (this.sink?.onChunk(chunk) === false) this.pause()
        return
      case "discarded":
        this.discardByteCount -= chunk.length
        if (this.discardByteCount < 0) this.owner.abandonBody()
        return
      case "kept":
      case "collecting":
        if (this.keptByteCount === 0) {
          this.borrowed = chunk
        } else {
          this.keep()
          this.store(chunk)
        }
        this.keptByteCount += chunk.length
    }
  }

  /**
   * All that one read brought has been pushed. Only now are readers woken, so that one who takes the last piece finds the
   * connection back in the pool.
   */
  wakeReaders(): void {
    if (this.waiting === undefined) return
    // One that is woken may read on, and wait again, in this stack.
    for (const look of Array.from(this.waiting)) look()
  }

  /**
   * The readers have taken what they wanted of this read, and more may follow. Asked only now, a reader that keeps up never
   * has the connection paused; what one read brings is bounded by the connection.
   */
  readEnd(): void {
    this.keep()
    if (this.mode === "kept" && this.keptByteCount >= this.bufferByteCount) this.pause()
  }

  /** The memory that was read into is about to be used again; to be called before the end of every read. */
  keep(): void {
    const { borrowed } = this
    if (borrowed === undefined) return
    this.borrowed = undefined
    this.store(borrowed)
  }

  private store(chunk: Uint8Array): void {
    const { stored, storedByteCount } = this
    const byteCount = storedByteCount + chunk.length
    this.storedByteCount = byteCount
    if (stored !== undefined && byteCount <= stored.length) {
      stored.set(chunk, storedByteCount)
      return
    }
    const room = byteCount + this.furtherByteCount(stored?.length ?? 0)
    if (stored === undefined && room === byteCount) {
      this.stored = copyOf(chunk)
      return
    }
    const larger = new Uint8Array(room)
    if (stored !== undefined) larger.set(stored.subarray(0, storedByteCount))
    larger.set(chunk, storedByteCount)
    this.stored = larger
  }

  /**
   * How much more to set memory aside for: as much again each time, so that many small pieces are not copied many times.
   * Where all of the body is collected, what was announced, but not much more than has come; and while it is kept for a
   * reader to come, who mostly wants all of it, what was announced if that may be kept.
   */
  private furtherByteCount(sizeByteCount: number): number {
    if (this.state._tag !== "open") return 0
    const expectedByteCount = this.owner.announcedByteCount - this.receivedByteCount
    if (this.mode === "collecting" && expectedByteCount >= 0) {
      return Math.min(expectedByteCount, Math.max(presizedByteCountMax, sizeByteCount))
    }
    return this.storedByteCount + expectedByteCount <= this.bufferByteCount ? expectedByteCount : sizeByteCount
  }

  end(): void {
    if (this.state._tag !== "open") return
    this.settle(complete)
    this.sink?.onEnd()
  }

  fail(error: ClientError): void {
    this.keep()
    if (this.state._tag !== "open") return
    this.settle({ _tag: "failed", error })
    this.sink?.onError(error)
  }

  // The reader's side.

  /** All of it, in one piece. */
  get collect(): Effect.Effect<Uint8Array<ArrayBuffer>, ClientError> {
    return Effect.suspend(() => {
      if (this.state._tag === "complete") return Effect.succeed(this.take())
      if (this.state._tag === "failed") return Effect.fail(this.state.error)
      this.mode = "collecting"
      this.resume()
      return Effect.flatMap(
        this.waitUntil(() => this.state._tag !== "open"),
        () => (this.state._tag === "failed" ? Effect.fail(this.state.error) : Effect.succeed(this.take()))
      )
    })
  }

  /** The next bytes, at least one; `Done` at the end. */
  get pull(): Effect.Effect<Uint8Array, ClientError | Cause.Done> {
    return Effect.suspend(() => {
      if (this.keptByteCount === 0) {
        if (this.state._tag === "complete") return Cause.done()
        if (this.state._tag === "failed") return Effect.fail(this.state.error)
        this.owner.noteReader()
        return Effect.flatMap(
          this.waitUntil(() => this.keptByteCount > 0 || this.state._tag !== "open"),
          () => this.pull
        )
      }
      const bytes = this.take()
      this.resume()
      return Effect.succeed(bytes)
    })
  }

  /** Hands on what is kept, and from now on each piece as it comes. */
  pipeTo(sink: BodySink): void {
    if (this.state._tag === "open") {
      this.mode = "piped"
      this.sink = sink
    }
    const isFlowing = this.keptByteCount === 0 || sink.onChunk(this.lend())
    // The sink may have had the body discarded.
    if (this.state._tag === "failed") sink.onError(this.state.error)
    else if (this.state._tag === "complete") sink.onEnd()
    else if (isFlowing) this.resume()
    else this.pause()
  }

  /** Reads on and throws away, up to `byteCountMax` more bytes; whoever reads nonetheless gets the error. */
  discard(byteCountMax: number, error: ClientError): void {
    if (this.state._tag !== "open") return
    this.mode = "discarded"
    this.sink = undefined
    this.lend()
    this.discardByteCount = byteCountMax
    this.settle({ _tag: "failed", error })
    this.unpause()
  }

  /** A reader that had said `false` can take more. */
  resume(): void {
    this.owner.noteReader()
    this.unpause()
  }

  private unpause(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.owner.resumeBody()
  }

  private pause(): void {
    if (this.isPaused || this.state._tag !== "open") return
    this.isPaused = true
    this.owner.pauseBody()
  }

  /** What is kept, in one piece of its taker's own. */
  take(): Uint8Array<ArrayBuffer> {
    if (this.stored === undefined && this.borrowed !== undefined) return copyOf(this.lend())
    this.keep()
    return this.takeKept()
  }

  /** What is kept, in one piece that may be used up to the end of this stack, and no longer. */
  lend(): Uint8Array {
    const { borrowed } = this
    if (borrowed === undefined) return this.takeKept()
    // There is nothing else: a second piece ends the borrowing of the first.
    this.borrowed = undefined
    this.keptByteCount = 0
    return borrowed
  }

  private takeKept(): Uint8Array<ArrayBuffer> {
    const { stored, storedByteCount } = this
    if (stored === undefined) return new Uint8Array(0)
    this.stored = undefined
    this.storedByteCount = 0
    this.keptByteCount = 0
    return storedByteCount === stored.length ? stored : stored.slice(0, storedByteCount)
  }

  private settle(state: State): void {
    this.state = state
    this.wakeReaders()
  }

  private waitUntil(isReady: () => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      this.waiting ??= new Set()
      const { waiting } = this
      const look = (): void => {
        if (!isReady()) return
        waiting.delete(look)
        resume(Exit.void)
      }
      waiting.add(look)
      look()
      return Effect.sync(() => {
        waiting.delete(look)
      })
    })
  }
}
