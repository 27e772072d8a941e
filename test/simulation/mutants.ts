/**
 * Deliberate faults, each a change of one place in the code, or two: what `npm run simulate:mutants` shows the simulator to find.
 */
import type { WorldName } from "./worlds.ts"

/** A change of one place. */
export interface Edit {
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
}

export interface Mutant extends Edit {
  /** What goes wrong. */
  readonly name: string
  readonly world: WorldName
  /** Where the fault takes two changes. */
  readonly also?: Edit
}

export const editsOf = (mutant: Mutant): ReadonlyArray<Edit> =>
  mutant.also === undefined ? [mutant] : [mutant, mutant.also]

/** Is there exactly one place for it in the code of its file? */
export const isInPlace = ({ find }: Edit, code: string): boolean => code.split(find).length === 2

const core = "packages/core/src/internal"

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "a lost wake-up: a closed connection's permit wakes nobody",
    file: `${core}/closing.ts`,
    find: "  markDirty(state, route)\n  state.pump()\n  if (state.phase",
    replace: "  if (state.phase",
    world: "pool"
  },
  {
    name: "a double release: a dead lease still ends",
    file: `${core}/Lease.ts`,
    find: "if (this.isLive) this.owner.endLease(this, undefined)",
    replace: "this.owner.endLease(this, undefined)",
    world: "pool"
  },
  {
    name: "a forgotten permit of the total",
    file: `${core}/permitting.ts`,
    find: "  state.budget.give(route.route)\n",
    replace: "",
    world: "pool"
  },
  {
    name: "barging: an idle connection goes to a newcomer",
    file: `${core}/acquiring.ts`,
    find: "pool.pending.liveCount > 0 || ",
    replace: "",
    world: "pool"
  },
  {
    name: "the newest waiter is served first",
    file: `${core}/PendingQueue.ts`,
    find: "this.isLifo ? new Stack() : new Fifo()",
    replace: "this.isLifo ? new Fifo() : new Stack()",
    world: "pool"
  },
  {
    name: "a draining connection is reused",
    file: `${core}/leasing.ts`,
    find: "const end = reason ?? entry.closeReason ?? endOfLife(state, entry, nowMillis)",
    replace: "const end = reason ?? endOfLife(state, entry, nowMillis)",
    world: "pool"
  },
  {
    name: "a deadline one millisecond late",
    file: `${core}/acquiring.ts`,
    find: "deadlineMillis: arrivedAtMillis + timeoutMillis,",
    replace: "deadlineMillis: arrivedAtMillis + timeoutMillis + 1,",
    world: "pool"
  },
  {
    name: "one dial too many at once",
    file: `${core}/permitting.ts`,
    find: "route.diallingCount >= route.limits.diallingMax",
    replace: "route.diallingCount > route.limits.diallingMax",
    world: "pool"
  },
  {
    name: "a connection that has ended is leased",
    file: `${core}/leasing.ts`,
    find: '    } else if (entry.connection === undefined || !isAlive(state, entry.connection)) {\n      closeEntry(state, entry, "peer-closed")\n',
    replace: "",
    world: "pool"
  },
  {
    name: "the sweeper closes nothing",
    file: `${core}/upkeep.ts`,
    find: "if (entry.expiresAtMillis <= nowMillis) {",
    replace: "if (entry.expiresAtMillis <= nowMillis) {\n    if (nowMillis >= 0) return\n",
    world: "pool"
  },
  {
    name: "the sweeper looks at the same connection for ever",
    file: `${core}/upkeep.ts`,
    find: "if (entry.expiresAtMillis <= nowMillis) {",
    replace: "if (entry.expiresAtMillis < 0) {",
    world: "pool"
  },
  {
    name: "the minimum is dialled for in a circle",
    file: `${core}/closing.ts`,
    find: "if (entry.usesCount === 0 && endsOfItself.has(reason)) {",
    replace: "if (entry.usesCount < 0 && endsOfItself.has(reason)) {",
    world: "pool"
  },
  {
    name: "a connection that ended during its probe is leased",
    file: `${core}/validating.ts`,
    find: "} else if (entry.connection === undefined || !isAlive(state, entry.connection)) {",
    replace: "} else if (entry.connection === undefined) {",
    world: "pool"
  },
  {
    name: "one use too many",
    file: `${core}/Entry.ts`,
    find: "this.usesCount >= this.usesMax",
    replace: "this.usesCount > this.usesMax",
    world: "pool"
  },
  {
    name: "the wrong end of the idle connections is leased",
    file: `${core}/leasing.ts`,
    find: "limits.isLifo ? idle.newest : idle.oldest",
    replace: "limits.isLifo ? idle.oldest : idle.newest",
    world: "pool"
  },
  {
    name: "no probe before use",
    file: `${core}/leasing.ts`,
    find: "} else if (isUnverified(state, entry, nowMillis)) {",
    replace: "} else if (nowMillis < 0 && isUnverified(state, entry, nowMillis)) {",
    world: "pool"
  },
  {
    name: "a caller that left is still counted as waiting",
    file: `${core}/waiting.ts`,
    find: '  waiter.state = "cancelled"\n  waiter.route.pending.left(waiter)\n',
    replace: '  waiter.state = "cancelled"\n',
    world: "pool"
  },
  {
    name: "a lease delivered to an interrupted caller is lost",
    file: `${core}/handle.ts`,
    find: "if (Exit.isFailure(exit)) taken?.release()",
    replace: "if (Exit.isSuccess(exit)) taken?.isLive",
    world: "pool"
  },
  {
    name: "a shutdown forgets who waits",
    file: `${core}/shuttingDown.ts`,
    find: "waiter !== undefined; waiter = route.pending.peek()",
    replace: "waiter !== undefined && state.openCount < 0; waiter = route.pending.peek()",
    world: "pool"
  },
  {
    name: "a cancelled caller is not counted",
    file: `${core}/waiting.ts`,
    find: "  state.counters.cancelledCount++\n",
    replace: "",
    world: "sequence"
  },
  {
    name: "the youngest of too many idle connections is closed",
    file: `${core}/leasing.ts`,
    find: '    closeEntry(state, route.idle.oldest, "idle-limit")',
    replace: '    closeEntry(state, route.idle.newest ?? route.idle.oldest, "idle-limit")',
    world: "sequence"
  },
  {
    name: "a POST is sent again",
    file: "packages/client/src/RetryVerdict.ts",
    find: 'if (!isIdempotent) return "no"\n',
    replace: "",
    world: "client"
  },
  {
    name: "an answer to a caller that has gone is given to the next one",
    file: "packages/client/src/Call.ts",
    find: "      lease.connection.session.abort()\n      lease.discard()",
    replace: "      lease.connection.session.abort()\n      lease.release()",
    also: {
      file: "packages/http1/src/ClientSession.ts",
      find: 'if (this.#state === "busy") this.#leave("closed")',
      replace: 'if (this.#state === "busy") this.#leave("idle")'
    },
    world: "client"
  },
  {
    name: "a connection is kept though bytes followed the answer",
    file: "packages/http1/src/ClientSession.ts",
    find: 'if (excessByteCount > 0 || this.connection.hasMore) return closing["excess-bytes"]',
    replace: 'if (excessByteCount < 0) return closing["excess-bytes"]',
    world: "client"
  },
  {
    name: "a connection is kept though its server closes it",
    file: "packages/http1/src/ClientSession.ts",
    find: 'if (!framing.isPersistent) return closing["response-close"]',
    replace: "",
    world: "client"
  }
]
