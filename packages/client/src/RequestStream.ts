/**
 * Sends a streamed body on one session, no faster than the connection takes it. Each attempt of a call has its own, so
 * that a sender that is still on its way out never writes into the next attempt.
 */
import type { Session } from "@weir/http1"
import { Effect, type Exit, type Fiber, Stream } from "effect"

export interface RequestStreamOwner {
  /** The connection takes no more for now; `onFlowing` follows when it does. */
  onStalled(): void
  onFlowing(): void
  /** The stream has ended or failed. Not called after `stop`. */
  onStreamEnd(exit: Exit.Exit<void, unknown>): void
}

export class RequestStream {
  private readonly session: Session
  private readonly owner: RequestStreamOwner
  private fiber: Fiber.Fiber<void, unknown> | undefined
  private isStopped = false
  private isFlowing = true
  private resume: (() => void) | undefined

  constructor(session: Session, owner: RequestStreamOwner) {
    this.session = session
    this.owner = owner
  }

  begin(
    stream: Stream.Stream<Uint8Array, unknown>,
    fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  ): void {
    const fiber = fork(Stream.runForEach(stream, (chunk) => Effect.suspend(() => this.write(chunk))))
    this.fiber = fiber
    // The fiber runs in this very stack, and what it wrote may have failed the exchange.
    if (this.isStopped) fiber.interruptUnsafe()
    fiber.addObserver((exit) => {
      if (!this.isStopped) this.owner.onStreamEnd(exit)
    })
  }

  /** The connection takes more. */
  flow(): void {
    if (this.isFlowing) return
    this.isFlowing = true
    this.owner.onFlowing()
    this.resume?.()
  }

  stop(): void {
    this.isStopped = true
    this.fiber?.interruptUnsafe()
  }

  private write(chunk: Uint8Array): Effect.Effect<void> {
    if (this.session.writeBody(chunk)) return Effect.void
    this.isFlowing = false
    this.owner.onStalled()
    return this.untilFlowing
  }

  /** The fiber may yield between the write and this, and `flow` come in between. */
  private readonly untilFlowing: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (this.isFlowing) resume(Effect.void)
    else this.resume = () => resume(Effect.void)
  })
}
