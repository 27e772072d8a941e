/**
 * A pool that is plain, slow and obviously right: arrays, searched from end to end, and time that passes one millisecond
 * after another. It says what the real pool must do in a sequential history: whom it serves with which connection, whom
 * it refuses, fails or lets wait, what it closes and why, what its listeners hear, and what it counts.
 */
import { priorities, type SequenceConfig } from "./SequenceScript.ts"

export interface ModelConnection {
  readonly id: number
  readonly route: number
  readonly diesAtMillis: number
  usesCount: number
  /** `undefined`: it is leased. */
  idleSinceMillis: number | undefined
  hasLeft: boolean
}

export interface ModelCaller {
  readonly id: number
  readonly route: number
  readonly priority: number
  readonly deadlineMillis: number
  state: "waiting" | "holding" | "done"
  connection: ModelConnection | undefined
  outcome: string
}

const none = -1
const orInfinity = (limit: number): number => (limit === none ? Number.POSITIVE_INFINITY : limit)

export class ReferencePool {
  nowMillis = 0
  /** In the order in which they fell idle; leased ones anywhere. */
  readonly connections: Array<ModelConnection> = []
  readonly callers: Array<ModelCaller> = []
  /** What listeners hear: `Closed uses route0 3`. */
  readonly events: Array<string> = []
  /** Dials that will fail, of the next ones. */
  failingCount = 0
  reusedCount = 0
  private readonly heardCounts = new Map<string, number>()
  private readonly config: SequenceConfig
  private readonly knownRoutes = new Set<number>()
  private lastId = 0

  constructor(config: SequenceConfig) {
    this.config = config
  }

  ask(route: number, timeoutMillis: number, priority: (typeof priorities)[number]): void {
    const caller: ModelCaller = {
      id: this.callers.length,
      route,
      priority: priorities.indexOf(priority),
      deadlineMillis: this.nowMillis + timeoutMillis,
      state: "waiting",
      connection: undefined,
      outcome: ""
    }
    this.callers.push(caller)
    const queueCount = this.waiting(route).length - 1
    const idle = queueCount === 0 ? this.nextIdle(route) : undefined
    if (idle !== undefined) {
      this.lease(caller, idle)
      return
    }
    if (!this.knownRoutes.has(route)) this.tell("RouteAdded", route)
    this.knownRoutes.add(route)
    const isDialled = queueCount === 0 && this.openCount(route) < this.config.connectionsPerRouteMax
    if (!isDialled && queueCount >= orInfinity(this.config.pendingPerRouteMax)) {
      this.refuse(caller, "pending-route-limit")
    } else if (!isDialled && this.waiting().length - 1 >= orInfinity(this.config.pendingMax)) {
      this.refuse(caller, "pending-total-limit")
    } else {
      this.tell("Waiting", route)
      this.serve(route)
    }
  }

  release(caller: ModelCaller, isDiscarded: boolean): void {
    const { connection, route } = caller
    if (connection === undefined) return
    caller.state = "done"
    this.tell("Returned", route, connection.id)
    const end = isDiscarded ? "discarded" : this.endOf(connection)
    if (end === undefined) {
      connection.idleSinceMillis = this.nowMillis
      // The youngest of the idle.
      this.connections.splice(this.connections.indexOf(connection), 1)
      this.connections.push(connection)
    } else {
      this.close(connection, end)
    }
    this.serve(route)
    this.trim(route)
  }

  withdraw(caller: ModelCaller): void {
    caller.state = "done"
    caller.outcome = "withdrawn"
    this.tell("Cancelled", caller.route)
  }

  peerLeaves(connection: ModelConnection): void {
    connection.hasLeft = true
    if (connection.idleSinceMillis !== undefined) this.close(connection, "peer-closed")
  }

  closeIdle(route: number): void {
    for (const connection of this.idle()) {
      if (route === none || connection.route === route) this.close(connection, "closed-idle")
    }
  }

  pass(millis: number): void {
    for (let passed = 0; passed < millis; passed++) {
      this.nowMillis++
      for (const caller of this.waiting()) {
        if (caller.deadlineMillis > this.nowMillis) continue
        caller.state = "done"
        caller.outcome = "AcquireTimeout"
        this.tell("TimedOut", caller.route)
      }
      for (const connection of this.idle()) {
        const idleEnd = (connection.idleSinceMillis ?? 0) + orInfinity(this.config.idleTimeoutMillis)
        if (Math.min(idleEnd, connection.diesAtMillis) > this.nowMillis) continue
        this.close(connection, connection.diesAtMillis < idleEnd ? "lifetime" : "idle-timeout")
      }
    }
  }

  waiting(route?: number): ReadonlyArray<ModelCaller> {
    return this.callers.filter((one) => one.state === "waiting" && (route === undefined || one.route === route))
  }

  holding(): ReadonlyArray<ModelCaller> {
    return this.callers.filter(({ state }) => state === "holding")
  }

  /** The one that has been idle for longest first. */
  idle(route?: number): ReadonlyArray<ModelConnection> {
    return this.connections.filter(
      (one) => one.idleSinceMillis !== undefined && (route === undefined || one.route === route)
    )
  }

  openCount(route?: number): number {
    return this.connections.filter((one) => route === undefined || one.route === route).length
  }

  /** How often a kind of event has been heard: `Leased`, `Closed uses`; of a route, or of all. */
  heardCount(kind: string, route?: number): number {
    return this.heardCounts.get(`${kind} ${route ?? "all"}`) ?? 0
  }

  /** Did the `number`th dial fail? */
  hasFailed(number: number): boolean {
    return this.events.some((event) => event.startsWith("ConnectFailed") && event.endsWith(` ${number}`))
  }

  private serve(route: number): void {
    for (;;) {
      const caller = this.next(route)
      if (caller === undefined) return
      const idle = this.nextIdle(route)
      if (idle !== undefined) this.lease(caller, idle)
      else if (this.openCount(route) < this.config.connectionsPerRouteMax) this.dialFor(caller)
      else return
    }
  }

  /** Whose turn it is. */
  private next(route: number): ModelCaller | undefined {
    const waiting = this.waiting(route)
    const first = Math.min(...waiting.map(({ priority }) => priority))
    const ofClass = waiting.filter(({ priority }) => priority === first)
    return this.config.waitOrder === "lifo" ? ofClass.at(-1) : ofClass[0]
  }

  private nextIdle(route: number): ModelConnection | undefined {
    const idle = this.idle(route)
    return this.config.leaseOrder === "lifo" ? idle.at(-1) : idle[0]
  }

  private dialFor(caller: ModelCaller): void {
    const { route } = caller
    const id = ++this.lastId
    this.tell("Dialling", route, id)
    if (this.failingCount > 0) {
      this.failingCount--
      this.tell("ConnectFailed", route, id)
      caller.state = "done"
      caller.outcome = "ConnectFailed"
      return
    }
    this.tell("Connected", route, id)
    const diesAtMillis = this.nowMillis + orInfinity(this.config.lifetimeMillis)
    const connection = { id, route, diesAtMillis, usesCount: 0, idleSinceMillis: undefined, hasLeft: false }
    this.connections.push(connection)
    this.lease(caller, connection)
  }

  private lease(caller: ModelCaller, connection: ModelConnection): void {
    if (connection.usesCount > 0) this.reusedCount++
    connection.usesCount++
    connection.idleSinceMillis = undefined
    caller.state = "holding"
    caller.connection = connection
    caller.outcome = `connection ${connection.id}`
    this.tell("Leased", caller.route, connection.id)
  }

  private refuse(caller: ModelCaller, reason: string): void {
    caller.state = "done"
    caller.outcome = reason
    this.tell(`Refused ${reason}`, caller.route)
  }

  /** Why a connection that comes back cannot be used again. */
  private endOf(connection: ModelConnection): string | undefined {
    if (connection.hasLeft) return "peer-closed"
    if (connection.usesCount >= orInfinity(this.config.usesPerConnectionMax)) return "uses"
    return connection.diesAtMillis <= this.nowMillis ? "lifetime" : undefined
  }

  private close(connection: ModelConnection, reason: string): void {
    this.connections.splice(this.connections.indexOf(connection), 1)
    this.tell(`Closed ${reason}`, connection.route, connection.id)
  }

  /** What is idle beyond the limits goes, the longest idle first. */
  private trim(route: number): void {
    const surplusOf = (idle: ReadonlyArray<ModelConnection>, limit: number) =>
      idle.slice(0, Math.max(0, idle.length - orInfinity(limit)))
    for (const connection of surplusOf(this.idle(route), this.config.idlePerRouteMax)) {
      this.close(connection, "idle-limit")
    }
    for (const connection of surplusOf(this.idle(), this.config.idleMax)) this.close(connection, "idle-limit")
  }

  private tell(kind: string, route: number, connectionId?: number): void {
    for (const whose of [route, "all"]) {
      this.heardCounts.set(`${kind} ${whose}`, (this.heardCounts.get(`${kind} ${whose}`) ?? 0) + 1)
    }
    this.events.push(`${kind} route${route}${connectionId === undefined ? "" : ` ${connectionId}`}`)
  }
}
