/**
 * One end of a simulated byte stream, under the contract of `@weir/transport`.
 *
 * What is written leaves as far as the window and the bandwidth allow, in random pieces, each with a random latency, and
 * arrives in order. As on a real socket, a reset overtakes nothing that was sent before it, but what has not been read when
 * it arrives is lost; what had not left is lost when its own end closes; an end that closes before it has read everything
 * resets, and so does one that is written to when it has closed.
 */
import { type Connection, type ConnectionHandler, type ConnectionInfo, transportError } from "@weir/transport"
import type { Chance } from "./Chance.ts"
import type { Simulation } from "./Simulation.ts"

/** How bytes travel. */
export interface Wire {
  /** From leaving to arriving. */
  readonly latencyMillisMin: number
  readonly latencyMillisMax: number
  /** What is written arrives in pieces of up to this many bytes. */
  readonly pieceByteCountMax: number
  /** Bytes on their way, or arrived and not read, above which nothing more leaves. */
  readonly windowByteCount: number
  /** How many bytes of one direction leave in a millisecond. `Infinity`: all of them. */
  readonly bytesPerMilli: number
}

/** What became of the bytes that one end has written. */
export interface ByteCounts {
  written: number
  read: number
  /** Written and never read: the connection had gone. */
  lost: number
}

type Parcel =
  | { readonly _tag: "bytes"; readonly bytes: Uint8Array }
  | { readonly _tag: "end" }
  | { readonly _tag: "reset" }

interface UnderWay {
  readonly parcel: Parcel
  readonly atMillis: number
}

export class SimulatedConnection implements Connection {
  readonly info: ConnectionInfo
  readonly counts: ByteCounts = { written: 0, read: 0, lost: 0 }
  /** Sends a FIN (`end`) or a RST (`reset`) of its own once it has written this many bytes; the rest is lost. */
  cutAfter: { readonly byteCount: number; readonly how: "end" | "reset" } | undefined
  isReferenced = true
  private peer: SimulatedConnection | undefined
  private handler: ConnectionHandler | undefined
  /** Written and not left yet. Bounded by what the writer writes after it was told to wait. */
  private readonly outbox: Array<Uint8Array> = []
  private queuedCount = 0
  /** Left and not arrived, in order; the timer is armed for the first. */
  private readonly underWay: Array<UnderWay> = []
  private isCourierArmed = false
  private readonly inbox: Array<Uint8Array> = []
  private state: "open" | "closed" = "open"
  /** `end` was called; the FIN follows what was written. */
  private isEnding = false
  private hasSentEnd = false
  private hasPeerEnded = false
  /** A paused end sees the end of its peer when it reads on. */
  private hasSeenEnd = false
  private hasToldEnd = false
  private hasToldClose = false
  /** Bytes came after it had closed, and it has said so. */
  private hasRefused = false
  private isPaused = false
  private needsDrain = false
  private unreadByteCount = 0
  private leavesAtMillis = 0
  private arrivesAtMillis = 0
  private isReadScheduled = false
  private closedWith: Parameters<ConnectionHandler["onClose"]>[0]
  private readonly simulation: Simulation
  private readonly chance: Chance
  private readonly wire: Wire
  private readonly onGone: () => void

  constructor(simulation: Simulation, chance: Chance, wire: Wire, info: ConnectionInfo, onGone: () => void) {
    this.simulation = simulation
    this.chance = chance
    this.wire = wire
    this.info = info
    this.onGone = onGone
  }

  /** Makes `peer` the other end. */
  join(peer: SimulatedConnection): void {
    this.peer = peer
  }

  get isOpen(): boolean {
    return this.state === "open" && !this.isEnding && !this.hasSeenEnd
  }

  get hasMore(): boolean {
    return this.inbox.length > 0
  }

  /** Written, and waiting for the window to open. */
  get queuedByteCount(): number {
    return this.queuedCount
  }

  attach(handler: ConnectionHandler): void {
    this.handler = handler
    if (this.state === "closed") this.tellClosed()
    else this.readLater()
    this.drainLater()
  }

  write(chunk: Uint8Array | string): boolean {
    if (this.state === "closed" || this.isEnding) return false
    const { cutAfter } = this
    const whole = typeof chunk === "string" ? latin1(chunk) : chunk
    const bytes = cutAfter === undefined ? whole : whole.subarray(0, cutAfter.byteCount - this.counts.written)
    if (bytes.length > 0) {
      // A Buffer's own `slice` would share the writer's memory.
      this.outbox.push(new Uint8Array(bytes))
      this.queuedCount += bytes.length
      this.counts.written += bytes.length
    }
    this.flush()
    if (cutAfter !== undefined && this.counts.written >= cutAfter.byteCount) {
      if (cutAfter.how === "reset") this.reset()
      else this.close()
      return false
    }
    this.needsDrain = this.queuedCount > 0
    return !this.needsDrain
  }

  end(): void {
    if (this.state === "closed" || this.isEnding) return
    this.isEnding = true
    this.needsDrain = false
    if (this.queuedCount === 0) this.sendEnd()
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
    this.hasSeenEnd ||= this.hasPeerEnded
    this.readLater()
  }

  close(): void {
    this.leave({ _tag: this.inbox.length > 0 ? "reset" : "end" })
  }

  reset(): void {
    this.leave({ _tag: "reset" })
  }

  ref(): void {
    this.isReferenced = true
  }

  unref(): void {
    this.isReferenced = false
  }

  private leave(parcel: Parcel): void {
    if (this.state === "closed") return
    // After its FIN there is nothing more to say, unless it breaks off.
    if (!this.hasSentEnd || parcel._tag === "reset") this.send(parcel, 0)
    this.gone(undefined)
  }

  /** Lets leave what the window has room for. */
  private flush(): void {
    const { bytesPerMilli, pieceByteCountMax, windowByteCount } = this.wire
    for (let first = this.outbox[0]; first !== undefined; first = this.outbox[0]) {
      const room = windowByteCount - this.unreadByteCount
      if (room <= 0) return
      const size = Math.min(this.chance.between(1, pieceByteCountMax), room, first.length)
      if (size === first.length) this.outbox.shift()
      else this.outbox[0] = first.subarray(size)
      this.queuedCount -= size
      this.unreadByteCount += size
      this.send({ _tag: "bytes", bytes: first.subarray(0, size) }, size / bytesPerMilli)
    }
    if (this.isEnding) this.sendEnd()
  }

  private sendEnd(): void {
    this.hasSentEnd = true
    this.send({ _tag: "end" }, 0)
    this.closeIfBothEnded()
  }

  private send(parcel: Parcel, millis: number): void {
    const { elapsedMillis } = this.simulation.clock
    this.leavesAtMillis = Math.max(this.leavesAtMillis, elapsedMillis) + millis
    const latency = Math.max(1, this.chance.between(this.wire.latencyMillisMin, this.wire.latencyMillisMax))
    this.arrivesAtMillis = Math.max(this.arrivesAtMillis, Math.ceil(this.leavesAtMillis) + latency)
    this.underWay.push({ parcel, atMillis: this.arrivesAtMillis })
    this.armCourier()
  }

  /** Whatever arrives at the same moment arrives together, in the order sent. */
  private armCourier(): void {
    const [first] = this.underWay
    if (first === undefined || this.isCourierArmed) return
    this.isCourierArmed = true
    const { clock } = this.simulation
    this.simulation.after(first.atMillis - clock.elapsedMillis, () => {
      this.isCourierArmed = false
      let count = 0
      while ((this.underWay[count]?.atMillis ?? Number.POSITIVE_INFINITY) <= clock.elapsedMillis) count++
      for (const { parcel } of this.underWay.splice(0, count)) this.peer?.receive(parcel)
      this.armCourier()
    })
  }

  private receive(parcel: Parcel): void {
    if (this.state === "closed") {
      if (parcel._tag !== "bytes") return
      this.lose(parcel.bytes.length)
      if (!this.hasRefused) this.send({ _tag: "reset" }, 0)
      this.hasRefused = true
      return
    }
    switch (parcel._tag) {
      case "bytes":
        this.inbox.push(parcel.bytes)
        this.readLater()
        return
      case "end":
        this.seeEnd()
        this.readLater()
        return
      case "reset":
        this.gone(
          transportError({
            reason: "Reset",
            phase: "io",
            address: `${this.info.remoteAddress}:${this.info.remotePort}`,
            code: "ECONNRESET",
            detail: "the peer reset the connection"
          })
        )
    }
  }

  private seeEnd(): void {
    this.hasPeerEnded = true
    this.hasSeenEnd ||= !this.isPaused
  }

  private readLater(): void {
    if (this.isReadScheduled || this.handler === undefined) return
    this.isReadScheduled = true
    this.simulation.scheduler.add(() => {
      this.isReadScheduled = false
      this.readOne()
    })
  }

  private readOne(): void {
    const { handler } = this
    if (handler === undefined || this.state === "closed" || this.isPaused) return
    const bytes = this.inbox.shift()
    if (bytes !== undefined) {
      this.peer?.wasRead(bytes.length)
      handler.onData(bytes)
      // Borrowed until the call returned: whoever kept it reads rubbish.
      bytes.fill(0xee)
      this.readLater()
    } else if (this.hasPeerEnded && !this.hasToldEnd) {
      this.hasToldEnd = true
      handler.onEnd()
      this.closeIfBothEnded()
    }
  }

  private wasRead(byteCount: number): void {
    this.counts.read += byteCount
    this.unreadByteCount -= byteCount
    if (this.state === "closed" || this.queuedCount === 0) return
    this.flush()
    this.drainLater()
  }

  private drainLater(): void {
    if (!this.needsDrain || this.queuedCount > 0 || this.handler === undefined) return
    this.needsDrain = false
    this.simulation.scheduler.add(() => {
      if (this.state === "open" && !this.isEnding) this.handler?.onDrain()
    })
  }

  private lose(byteCount: number): void {
    if (this.peer !== undefined) this.peer.counts.lost += byteCount
  }

  private loseQueued(): void {
    this.counts.lost += this.queuedCount
    this.queuedCount = 0
    this.outbox.length = 0
  }

  private closeIfBothEnded(): void {
    if (this.isEnding && this.queuedCount === 0 && this.hasToldEnd) this.gone(undefined)
  }

  private gone(error: Parameters<ConnectionHandler["onClose"]>[0]): void {
    if (this.state === "closed") return
    this.state = "closed"
    this.closedWith = error
    this.loseQueued()
    for (const bytes of this.inbox.splice(0)) this.lose(bytes.length)
    this.onGone()
    this.tellClosed()
  }

  private tellClosed(): void {
    this.simulation.scheduler.add(() => {
      if (this.hasToldClose || this.handler === undefined) return
      this.hasToldClose = true
      this.handler.onClose(this.closedWith)
    })
  }
}

const latin1 = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index)
  return bytes
}
