/**
 * The connection after a change of protocol, as Effect's `Socket`.
 *
 * It exists once: the reader can be acquired once, the bytes that came with the answer's head come first, and closing the
 * reader's scope closes the connection and gives its permits back to the pool. Nothing is read beyond what one pull takes
 * and a bounded buffer holds. Writes may begin before the reader is acquired.
 */
import type { ConnectionHandler, TransportError } from "@weir/transport"
import { type Array as Arr, Effect, type Scope } from "effect"
import { Socket } from "effect/socket"
import type { Upgraded } from "./Request.ts"

/** With as much kept for the reader, the peer is slowed down. */
const keptByteCountMax = 65_536

export const makeUpgradedSocket = (upgraded: Upgraded): Socket.Socket => {
  const connection = new UpgradedConnection(upgraded)
  return Socket.make({ reader: connection.reader, writer: connection.writer })
}

class UpgradedConnection implements ConnectionHandler {
  private readonly upgraded: Upgraded
  private isAcquired = false
  private kept: Array<Uint8Array> = []
  private keptByteCount = 0
  /** Why nothing more will be read. */
  private readEnd: Socket.SocketError | undefined
  /** Why nothing more can be written. */
  private writeEnd: Socket.SocketError | undefined
  /** What was written last waits for `onDrain`. */
  private isBlocked = false
  /** Wake the pull that waits for a change, and the writers that wait for a drain. */
  private readonly readers = new Set<() => void>()
  private readonly writers = new Set<() => void>()

  constructor(upgraded: Upgraded) {
    this.upgraded = upgraded
    if (upgraded.rest.length > 0) this.keep(upgraded.rest)
    // The connection stays paused, but tells when it fails.
    upgraded.connection.attach(this)
    if (upgraded.isClosed) this.close(closed(1006))
  }

  // The connection's side.

  onData(chunk: Uint8Array): void {
    this.keep(new Uint8Array(chunk))
    if (this.keptByteCount >= keptByteCountMax) this.upgraded.connection.pause()
    wake(this.readers)
  }

  onEnd(): void {
    this.readEnd ??= closed(1000)
    wake(this.readers)
  }

  onDrain(): void {
    this.isBlocked = false
    wake(this.writers)
  }

  onClose(error: TransportError | undefined): void {
    this.close(error === undefined ? closed(1006) : readFailed(error), error)
  }

  // The program's side.

  readonly reader: Effect.Effect<Socket.Reader, Socket.SocketError, Scope.Scope> = Effect.acquireRelease(
    Effect.suspend(() => {
      if (this.isAcquired) return Effect.fail(openFailed("the connection of an upgrade can be read once"))
      this.isAcquired = true
      return Effect.succeed({ pull: this.pull, upgrade: Socket.SocketUpgradeError.unsupported })
    }),
    () =>
      Effect.sync(() => {
        this.kept = []
        this.close(closed(1006))
      })
  )

  readonly writer: Effect.Effect<Socket.Writer, never, Scope.Scope> = Effect.acquireRelease(
    Effect.succeed<Socket.Writer>({
      write: (chunk) =>
        Socket.isCloseEvent(chunk) ? Effect.sync(() => this.close(closed(chunk.code))) : this.write([chunk]),
      writeAll: (chunks) => this.write(chunks)
    }),
    () =>
      Effect.sync(() => {
        this.writeEnd ??= writeFailed("the writer's scope is closed")
        this.upgraded.connection.end()
      })
  )

  private readonly pull: Effect.Effect<Arr.NonEmptyReadonlyArray<Uint8Array>, Socket.SocketError> = Effect.callback(
    (resume) => {
      const look = (): void => {
        const [first, ...others] = this.kept
        if (first !== undefined) {
          this.kept = []
          this.keptByteCount = 0
          resume(Effect.succeed([first, ...others]))
        } else if (this.readEnd !== undefined) {
          resume(Effect.fail(this.readEnd))
        } else {
          return
        }
        this.readers.delete(look)
      }
      this.readers.add(look)
      look()
      if (this.readers.has(look)) this.upgraded.connection.resume()
      return Effect.sync(() => this.readers.delete(look))
    }
  )

  private write(chunks: Arr.NonEmptyReadonlyArray<Uint8Array | string>): Effect.Effect<void, Socket.SocketError> {
    return Effect.suspend(() => {
      if (this.writeEnd !== undefined) return Effect.fail(this.writeEnd)
      if (this.isBlocked) return Effect.andThen(this.drained, this.write(chunks))
      for (const chunk of chunks) {
        const bytes = typeof chunk === "string" ? encoder.encode(chunk) : chunk
        if (!this.upgraded.connection.write(bytes)) this.isBlocked = true
      }
      return this.isBlocked ? this.drained : Effect.void
    })
  }

  private readonly drained: Effect.Effect<void, Socket.SocketError> = Effect.callback((resume) => {
    const look = (): void => {
      this.writers.delete(look)
      resume(this.writeEnd === undefined ? Effect.void : Effect.fail(this.writeEnd))
    }
    this.writers.add(look)
    return Effect.sync(() => this.writers.delete(look))
  })

  private keep(chunk: Uint8Array): void {
    this.kept.push(chunk)
    this.keptByteCount += chunk.length
  }

  private close(readEnd: Socket.SocketError, cause: unknown = "the connection is closed"): void {
    this.readEnd ??= readEnd
    this.writeEnd ??= writeFailed(cause)
    this.upgraded.close()
    wake(this.readers)
    wake(this.writers)
  }
}

const encoder = new TextEncoder()

/** Whoever is woken may wait again in this stack. */
const wake = (waiting: ReadonlySet<() => void>): void => {
  for (const look of Array.from(waiting)) look()
}

const closed = (code: number): Socket.SocketError =>
  new Socket.SocketError({ reason: new Socket.SocketCloseError({ code }) })

const readFailed = (cause: unknown): Socket.SocketError =>
  new Socket.SocketError({ reason: new Socket.SocketReadError({ cause }) })

const writeFailed = (cause: unknown): Socket.SocketError =>
  new Socket.SocketError({ reason: new Socket.SocketWriteError({ cause }) })

const openFailed = (cause: unknown): Socket.SocketError =>
  new Socket.SocketError({ reason: new Socket.SocketOpenError({ kind: "Unknown", cause }) })
