/**
 * The name whose addresses change, and its name server. Every address leads to the same server of the farm; one that has
 * been withdrawn is to lose its connections.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Chance } from "@weir/testkit"
import { Effect, Exit, Scope } from "effect"
import { makeNameServer, type Zone } from "../conformance/NameServer.ts"
import { changingName } from "./Protocol.ts"
import { sleepUnless } from "./sleepUnless.ts"

const ttlSeconds = 1
const addressCount = 3

export class Names {
  /** IP address and port. */
  readonly server: string
  private readonly zone: Record<string, Zone[string]>
  private readonly scope: Scope.Closeable
  private readonly hole: string | undefined
  private current: ReadonlyArray<string> = []
  private nextHost = 1
  /** For so long, of all its time, the client was not let run: it could not hear of anything then. */
  starvedMillis = 0
  /** By address, in the client's own time. Bounded by the 250 addresses that there are. */
  private readonly withdrawnAtMillis = new Map<string, number>()

  private constructor(server: string, zone: Record<string, Zone[string]>, scope: Scope.Closeable, hole?: string) {
    this.server = server
    this.zone = zone
    this.scope = scope
    this.hole = hole
    this.change()
  }

  /** `hole`: an address that answers nothing, given first at times. */
  static async open(hole?: string): Promise<Names> {
    const zone: Record<string, Zone[string]> = {}
    const scope = Scope.makeUnsafe()
    const server = await Effect.runPromise(Scope.provide(makeNameServer(zone), scope))
    return new Names(server, zone, scope, hole)
  }

  /** Withdraws the first address, which connections prefer, and adds another at the end. */
  change(isHoleFirst = false): void {
    const [first, ...kept] = this.current
    const next = [...kept]
    while (next.length < addressCount) {
      next.push(`127.0.1.${this.nextHost}`)
      this.nextHost = 1 + (this.nextHost % 250)
    }
    if (first !== undefined) this.withdrawnAtMillis.set(first, this.nowMillis)
    for (const address of next) this.withdrawnAtMillis.delete(address)
    this.current = next
    this.answer(isHoleFirst && this.hole !== undefined ? [this.hole, ...next] : next)
  }

  private answer(addresses: ReadonlyArray<string>): void {
    this.zone[changingName] = {
      a: addresses.map((address) => ({ bytes: address.split(".").map(Number), ttlSeconds }))
    }
  }

  private get nowMillis(): number {
    return performance.now() - this.starvedMillis
  }

  /** For how long the name has not had this address, as the client could know; 0 while it has it. */
  withdrawnMillis(address: string): number {
    const atMillis = this.withdrawnAtMillis.get(address)
    return atMillis === undefined ? 0 : this.nowMillis - atMillis
  }

  /** Changes it, lets its server fail and be silent, until told to end. */
  async storm(chance: Chance, count: (fault: string) => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleepUnless(signal, chance.between(200, 1500))
      if (signal.aborted) break
      const what = chance.pick(["change", "change", "black hole first", "failure", "silence"])
      if (what === "failure" || what === "silence") {
        count(`name server's ${what}`)
        this.zone[changingName] = what
        await sleep(chance.between(100, 1000))
        this.answer(this.current)
      } else {
        const isHoleFirst = what === "black hole first" && this.hole !== undefined
        count(isHoleFirst ? "name with a black hole first" : "other addresses")
        this.change(isHoleFirst)
      }
    }
    this.answer(this.current)
  }

  close(): Promise<void> {
    return Effect.runPromise(Scope.close(this.scope, Exit.void))
  }
}
