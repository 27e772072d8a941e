/**
 * The other side of the pool: a factory whose dials, checks and closes go as the script says, and the books of what is
 * really open. The rules that can be asked at the very moment of a dial, a lease or a return are asked here.
 */
import type { ConnectionControl, ConnectionFactory, Route } from "@weir/core"
import { Chance, hash, type Simulation } from "@weir/testkit"
import { Effect } from "effect"
import type { Judge } from "../Violation.ts"
import { type Peers, stallMillis } from "./PoolScript.ts"
import type { RulesInForce } from "./RulesInForce.ts"

export class SimulatedConnection {
  readonly id: number
  readonly route: Route.Route
  readonly control: ConnectionControl
  state: "dialling" | "open" | "closing" | "closed" = "dialling"
  closingAtMillis = 0
  /** The pool keeps the permit of a close that takes too long until then, and no longer. */
  permitUntilMillis = Number.POSITIVE_INFINITY
  /** By the words of the hooks. */
  isLeased = false
  isChecked = false
  /** It was being dialled when the pool was shut down: whether it still counts cannot be seen from outside. */
  isGivenUp = false
  /** The pool has been told that it is of no use any more. */
  isLostToPool = false
  isAlive = true
  isDraining = false
  /** The pool has said something of it: its dial has come to an end for the pool as well. */
  isKnown = false
  openedAtMillis = 0
  idleSinceMillis = 0
  verifiedAtMillis = 0
  /** Has it been checked since it fell idle? Then it may be leased past its time. */
  isFresh = true
  slotsOffered = Number.POSITIVE_INFINITY
  /** No more uses than this, by the peer's word. */
  usesMax = Number.POSITIVE_INFINITY
  usesCount = 0
  /** It has offered fewer slots than before: leases given out earlier may be more than it offers now. */
  hasShrunk = false
  /** The longest and the shortest idle time and lifetime that may have been in force: reconfigured, jittered, hinted. */
  idleMillisMax = Number.POSITIVE_INFINITY
  idleMillisMin = Number.POSITIVE_INFINITY
  lifetimeMillisMax = Number.POSITIVE_INFINITY
  lifetimeMillisMin = Number.POSITIVE_INFINITY
  /** What will happen to it by itself. */
  readonly plans: Array<() => void> = []
  cancelIdleClose: () => void = () => {}

  constructor(id: number, route: Route.Route, control: ConnectionControl) {
    this.id = id
    this.route = route
    this.control = control
  }

  /** Would the pool, which may not have heard of it yet, lease it now as far as the peer knows? */
  get isOffered(): boolean {
    return (
      this.state === "open" &&
      this.isKnown &&
      this.isAlive &&
      !this.isLeased &&
      !this.isChecked &&
      !this.isLostToPool &&
      !this.isDraining &&
      this.slotsOffered > 0
    )
  }

  get name(): string {
    return `connection ${this.id} of ${this.route.host}`
  }
}

/** More dials than this at one moment are a circle: no script has so many callers. */
const dialsAtOnceMax = 300

export class SimulatedPeers implements ConnectionFactory<SimulatedConnection> {
  /** Everything not closed, in the order dialled. */
  readonly live = new Set<SimulatedConnection>()
  dialCount = 0
  connectedCount = 0
  private checkCount = 0
  private dialledAtMillis = 0
  private dialsAtOnceCount = 0
  private lossCount = 0
  /** What went wrong on purpose, by kind. */
  readonly faults = new Map<string, number>()
  /** Called in the moment in which some caller of the route gets a lease. */
  onLeaseRace: (route: Route.Route) => void = () => {}
  private readonly leaseChance: Chance
  private hasHinted = false
  isShuttingDown = false
  readonly probe: ConnectionFactory<SimulatedConnection>["probe"]
  readonly ping: ConnectionFactory<SimulatedConnection>["ping"]
  private readonly simulation: Simulation
  private readonly peers: Peers
  private readonly rules: RulesInForce
  private readonly judge: Judge
  private readonly trace: (line: () => string) => void

  constructor(
    simulation: Simulation,
    peers: Peers,
    rules: RulesInForce,
    judge: Judge,
    trace: (line: () => string) => void
  ) {
    this.simulation = simulation
    this.leaseChance = new Chance(hash(simulation.seed, "lease"))
    this.peers = peers
    this.rules = rules
    this.judge = judge
    this.trace = trace
    const check = (connection: SimulatedConnection) => this.check(connection)
    this.probe = peers.hasProbe ? check : undefined
    this.ping = peers.hasPing ? check : undefined
  }

  // What is opened is opened where no interruption can come between it and its finalizer.
  readonly connect = (route: Route.Route, control: ConnectionControl) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.tap(
        Effect.suspend(() => this.dial(route, control, restore)),
        (connection) => Effect.addFinalizer(() => Effect.suspend(() => this.close(connection)))
      )
    )

  readonly isAlive = (connection: SimulatedConnection): boolean => connection.isAlive

  readonly onLease = (connection: SimulatedConnection): void => {
    const nowMillis = this.simulation.clock.elapsedMillis
    this.trace(() => `leased ${connection.name}`)
    this.judge.must(
      connection.state === "open",
      "no lease on a closed connection",
      () => `${connection.name} is ${connection.state}`
    )
    this.judge.must(
      !connection.isLeased,
      "one lease for one slot",
      () => `${connection.name} was leased while it was leased`
    )
    this.judge.must(!connection.isLostToPool, "no lease on a lost connection", () => connection.name)
    this.judge.must(connection.isAlive, "no lease on a dead connection", () => connection.name)
    this.judge.must(!connection.isDraining, "no lease on a draining connection", () => connection.name)
    this.judge.must(!connection.isChecked, "no lease during a check", () => connection.name)
    this.rules.checkLease(connection, this.live, nowMillis, this.peers.hasProbe)
    connection.isLeased = true
    connection.isKnown = true
    connection.usesCount++
    connection.cancelIdleClose()
    if (this.leaseChance.isHit(this.peers.leaseRaceRatio)) this.onLeaseRace(connection.route)
  }

  readonly onIdle = (connection: SimulatedConnection): void => {
    this.trace(() => `idle ${connection.name}`)
    this.judge.must(
      connection.isLeased || connection.usesCount === 0,
      "told idle only after a lease",
      () => connection.name
    )
    connection.isLeased = false
    connection.isKnown = true
    connection.isFresh = false
    this.beginIdle(connection)
  }

  countOf(isCounted: (connection: SimulatedConnection) => boolean): number {
    let count = 0
    for (const connection of this.live) if (isCounted(connection)) count++
    return count
  }

  /** Connections that the pool has to hold permits for. */
  holdsPermit(connection: SimulatedConnection): boolean {
    return connection.permitUntilMillis > this.simulation.clock.elapsedMillis
  }

  /** The connection ends, and says so or not. */
  lose(connection: SimulatedConnection, reason: "peer-data" | "peer-closed" | "peer-error", isSilent: boolean): void {
    if (connection.state !== "open" || !connection.isAlive) return
    this.lossCount++
    this.fault(`connection ends${isSilent ? " silently" : `: ${reason}`}`)
    this.trace(() => `lost ${connection.name} ${reason}${isSilent ? " silently" : ""}`)
    connection.isAlive = false
    if (isSilent) return
    connection.isLostToPool = true
    connection.control.lost(reason)
  }

  private dial(
    route: Route.Route,
    control: ConnectionControl,
    restore: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
  ): Effect.Effect<SimulatedConnection, Error> {
    const { peers, simulation } = this
    const connection = new SimulatedConnection(++this.dialCount, route, control)
    const chance = new Chance(hash(this.simulation.seed, connection.id))
    connection.isGivenUp = this.isShuttingDown
    this.live.add(connection)
    this.countDialAtOnce()
    this.trace(() => `dialling ${connection.name}`)
    this.rules.checkDial(connection, (isCounted) => this.countOf((one) => this.holdsPermit(one) && isCounted(one)))
    control.enterPhase("tcp")
    // A circle on the stack of one call ends here; the rule that it broke has been noted.
    const isHanging = chance.isHit(peers.connectHangRatio) || this.dialsAtOnceCount > dialsAtOnceMax
    const isFailing = chance.isHit(peers.connectFailRatio)
    const millis = chance.between(0, peers.connectMillisMax)
    const wait = millis === 0 ? Effect.void : Effect.sleep(millis)
    if (isHanging) this.fault("dial hangs")
    else if (isFailing) this.fault("dial fails")
    const ended = isHanging
      ? Effect.never
      : isFailing
        ? Effect.andThen(wait, Effect.fail(new Error(`dial ${connection.id} failed`)))
        : wait
    const deaf = chance.isHit(peers.connectDeafRatio) && !isHanging
    if (deaf) this.fault("dial hears late of an interruption")
    return (deaf ? ended : restore(ended)).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (exit._tag === "Success") return
          this.trace(() => `not connected ${connection.name}`)
          this.end(connection)
        })
      ),
      Effect.map(() => {
        this.connectedCount++
        this.open(connection, chance, simulation.clock.elapsedMillis)
        return connection
      })
    )
  }

  private open(connection: SimulatedConnection, chance: Chance, nowMillis: number): void {
    const { peers } = this
    this.trace(() => `connected ${connection.name}`)
    connection.state = "open"
    connection.openedAtMillis = nowMillis
    connection.lifetimeMillisMax = this.rules.ofRoute(connection.route).lifetimeMillis
    connection.lifetimeMillisMin = connection.lifetimeMillisMax * 0.9
    this.beginIdle(connection)
    if (peers.slotsOffered > 0) this.offerSlots(connection, peers.slotsOffered)
    if (peers.usesHint > 0) this.limitUses(connection, peers.usesHint)
    if (peers.idleHintMillis > 0) this.limitIdle(connection, peers.idleHintMillis)
    if (chance.isHit(peers.lossRatio)) {
      const isSilent = chance.isHit(peers.silentLossRatio)
      const reason = chance.pick(["peer-closed", "peer-data", "peer-error"])
      connection.plans.push(
        this.simulation.after(chance.between(1, 60), () => {
          this.lose(connection, reason, isSilent)
        })
      )
    }
  }

  offerSlots(connection: SimulatedConnection, count: number): void {
    connection.slotsOffered = count
    connection.control.setSlots(count)
  }

  limitUses(connection: SimulatedConnection, count: number): void {
    connection.usesMax = Math.min(connection.usesMax, connection.usesCount + count)
    connection.control.limitUses(count)
  }

  limitIdle(connection: SimulatedConnection, millis: number): void {
    this.hasHinted = true
    connection.control.limitIdle(millis)
  }

  private countDialAtOnce(): void {
    const nowMillis = this.simulation.clock.elapsedMillis
    if (nowMillis !== this.dialledAtMillis) this.dialsAtOnceCount = 0
    this.dialledAtMillis = nowMillis
    this.dialsAtOnceCount++
    const count = this.dialsAtOnceCount
    this.judge.must(count <= dialsAtOnceMax, "no dialling in a circle", () => `${count} dials at ${nowMillis} ms`)
  }

  private fault(kind: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1)
  }

  private beginIdle(connection: SimulatedConnection): void {
    const nowMillis = this.simulation.clock.elapsedMillis
    connection.idleSinceMillis = nowMillis
    connection.verifiedAtMillis = nowMillis
    connection.idleMillisMax = this.rules.ofRoute(connection.route).idleMillis
    // A jitter of a half, and whatever was learned or hinted, may have made it shorter.
    connection.idleMillisMin = this.isIdleShortened ? 0 : connection.idleMillisMax * 0.5
    const { idleCloseMillis } = this.peers
    if (idleCloseMillis === 0) return
    connection.cancelIdleClose()
    connection.cancelIdleClose = this.simulation.after(idleCloseMillis, () => {
      this.lose(connection, "peer-closed", false)
    })
  }

  /** Does a peer close idle connections or announce that it will? Then the pool closes them before. */
  private get isIdleShortened(): boolean {
    return this.hasHinted || this.lossCount > 0
  }

  /** A new configuration: what is idle may now be so for longer, or shorter. */
  reconfigured(): void {
    for (const connection of this.live) {
      const { idleMillis, lifetimeMillis } = this.rules.ofRoute(connection.route)
      connection.idleMillisMax = Math.max(connection.idleMillisMax, idleMillis)
      connection.idleMillisMin = Math.min(connection.idleMillisMin, idleMillis * 0.5)
      // The pool reads the lifetime when it has heard of the connection, which may be a little later.
      if (connection.isKnown) continue
      connection.lifetimeMillisMax = Math.max(connection.lifetimeMillisMax, lifetimeMillis)
      connection.lifetimeMillisMin = Math.min(connection.lifetimeMillisMin, lifetimeMillis * 0.9)
    }
  }

  /** The pool is being shut down: it gives dials up, and leaves those behind that hear of no interruption. */
  shuttingDown(): void {
    this.isShuttingDown = true
    for (const connection of this.live) connection.isGivenUp ||= connection.state === "dialling"
  }

  private check(connection: SimulatedConnection): Effect.Effect<void, Error> {
    return Effect.suspend(() => {
      const { peers } = this
      const chance = new Chance(hash(this.simulation.seed, connection.id, ++this.checkCount))
      // An interruption on its way to the check may be overtaken by the check's beginning, within the same moment.
      const isClosing = connection.state !== "open" && connection.closingAtMillis < this.simulation.clock.elapsedMillis
      this.judge.must(!isClosing, "no check of a closed connection", () => connection.name)
      this.judge.must(!connection.isLeased, "no check of a leased connection", () => connection.name)
      this.judge.must(!connection.isChecked, "one check at a time", () => connection.name)
      connection.isChecked = true
      this.trace(() => `checking ${connection.name}`)
      const isFailing = !connection.isAlive || chance.isHit(peers.checkFailRatio)
      const millis = chance.between(0, peers.checkMillisMax)
      const wait = millis === 0 ? Effect.void : Effect.sleep(millis)
      const isHanging = chance.isHit(peers.checkHangRatio)
      if (isHanging) this.fault("check hangs")
      else if (isFailing) this.fault(connection.isAlive ? "check fails" : "check finds a dead connection")
      const ended = isHanging
        ? Effect.never
        : isFailing
          ? Effect.andThen(wait, Effect.fail(new Error("the check failed")))
          : wait
      return Effect.onExit(ended, (exit) =>
        Effect.sync(() => {
          connection.isChecked = false
          if (exit._tag !== "Success") return
          if (chance.isHit(peers.checkLossRatio)) {
            this.fault("connection ends during its check")
            connection.isAlive = false
          }
          connection.isFresh = true
          connection.verifiedAtMillis = this.simulation.clock.elapsedMillis
        })
      )
    })
  }

  private close(connection: SimulatedConnection): Effect.Effect<void> {
    const { peers, simulation } = this
    const chance = new Chance(hash(this.simulation.seed, connection.id, "close"))
    const nowMillis = simulation.clock.elapsedMillis
    this.judge.must(connection.state === "open", "closed once", () => `${connection.name} is ${connection.state}`)
    this.trace(() => `closing ${connection.name}`)
    connection.state = "closing"
    connection.closingAtMillis = nowMillis
    connection.permitUntilMillis = nowMillis + this.rules.ofRoute(connection.route).closeMillis
    this.stop(connection)
    const isStalled = chance.isHit(peers.closeStallRatio)
    if (isStalled) this.fault("close stalls")
    const millis = isStalled ? stallMillis : chance.between(0, peers.closeMillisMax)
    const end = Effect.sync(() => {
      this.trace(() => `closed ${connection.name}`)
      this.end(connection)
    })
    return millis === 0 ? end : Effect.andThen(Effect.sleep(millis), end)
  }

  private end(connection: SimulatedConnection): void {
    connection.state = "closed"
    this.stop(connection)
    this.live.delete(connection)
  }

  private stop(connection: SimulatedConnection): void {
    connection.cancelIdleClose()
    for (const cancel of connection.plans.splice(0)) cancel()
  }
}
