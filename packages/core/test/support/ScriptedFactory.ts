/**
 * A factory whose every dial, check and close the test answers itself, so that a spec decides what happens and in which
 * order. It keeps its own books of what is open: the pool's are never trusted for that.
 */
import { Deferred, Effect } from "effect"
import type { ConnectionControl, ConnectionFactory, Route } from "../../src/index.ts"

export class FakeConnection {
  readonly id: number
  readonly route: Route.Route
  readonly control: ConnectionControl
  isOpen = true
  /** What `onIdle` and `onLease` have told last; a new connection is neither. */
  told: "nothing" | "idle" | "leased" = "nothing"

  constructor(id: number, route: Route.Route, control: ConnectionControl) {
    this.id = id
    this.route = route
    this.control = control
  }

  /** The peer goes away: the connection sees it and tells the pool. */
  end(reason: "peer-data" | "peer-closed" | "peer-error" = "peer-closed"): void {
    this.isOpen = false
    this.control.lost(reason)
  }
}

/** A dial, a check or a close that waits for the test's answer. */
export interface Question<A> {
  readonly route: Route.Route
  readonly connection: FakeConnection
  readonly control: ConnectionControl
  succeed(): A
  fail(error: unknown): void
  isInterrupted: boolean
  isEnded: boolean
}

export type Dial = Question<FakeConnection>
export type Check = Question<void>

export interface ScriptedOptions {
  /** Dials wait for the test instead of succeeding at once. */
  readonly dials?: "automatic" | "manual"
  /** There is a probe; it waits for the test or succeeds at once. Default: none. */
  readonly probes?: "automatic" | "manual"
  readonly pings?: "automatic" | "manual"
  readonly closes?: "automatic" | "manual"
}

export class ScriptedFactory implements ConnectionFactory<FakeConnection> {
  /** Every dial, probe, ping and manual close ever made. */
  readonly dials: Array<Dial> = []
  readonly probes: Array<Check> = []
  readonly pings: Array<Check> = []
  readonly closes: Array<Check> = []
  /** Connections whose close has not ended. */
  readonly open = new Set<FakeConnection>()
  /** The highest number of connections that were open or being dialled at once. */
  openMax = 0
  connectingCount = 0
  /** The end of every connection runs after this, whatever the spec's `closes` say. */
  isAutomatic: boolean
  areClosesAutomatic: boolean
  probe: ConnectionFactory<FakeConnection>["probe"]
  ping: ConnectionFactory<FakeConnection>["ping"]
  onIdle: ConnectionFactory<FakeConnection>["onIdle"] = (connection) => {
    connection.told = "idle"
  }
  onLease: ConnectionFactory<FakeConnection>["onLease"] = (connection) => {
    connection.told = "leased"
  }
  isReusableAfter: ConnectionFactory<FakeConnection>["isReusableAfter"]

  constructor(options: ScriptedOptions = {}) {
    this.isAutomatic = options.dials !== "manual"
    this.areClosesAutomatic = options.closes !== "manual"
    if (options.probes !== undefined) this.probe = this.check(this.probes, options.probes === "automatic")
    if (options.pings !== undefined) this.ping = this.check(this.pings, options.pings === "automatic")
  }

  // Interruptible only while it waits for its answer: what is open is in the books, and its end is in the scope.
  connect: ConnectionFactory<FakeConnection>["connect"] = (route, control) =>
    Effect.uninterruptibleMask((restore) => {
      const connection = new FakeConnection(this.dials.length + 1, route, control)
      this.connectingCount++
      this.openMax = Math.max(this.openMax, this.open.size + this.connectingCount)
      const { answered, question } = ask(route, connection, () => connection)
      this.dials.push(question)
      if (this.isAutomatic) question.succeed()
      return restore(answered).pipe(
        Effect.onExit((exit) =>
          Effect.suspend(() => {
            question.isEnded = true
            this.connectingCount--
            if (exit._tag === "Failure") return Effect.void
            this.open.add(connection)
            return Effect.addFinalizer(() => this.close(connection))
          })
        )
      )
    })

  private close(connection: FakeConnection): Effect.Effect<void> {
    connection.isOpen = false
    if (this.areClosesAutomatic) {
      this.open.delete(connection)
      return Effect.void
    }
    const { answered, question } = ask(connection.route, connection, () => {})
    this.closes.push(question)
    return Effect.orDie(
      Effect.ensuring(
        answered,
        Effect.sync(() => this.open.delete(connection))
      )
    )
  }

  isAlive: ConnectionFactory<FakeConnection>["isAlive"] = (connection) => connection.isOpen

  /** The dial made as the `number`th, from 1. */
  dial(number: number): Dial {
    return at(this.dials, number, "dials")
  }

  probed(number: number): Check {
    return at(this.probes, number, "probes")
  }

  pinged(number: number): Check {
    return at(this.pings, number, "pings")
  }

  closing(number: number): Check {
    return at(this.closes, number, "closes")
  }

  /** How many connections of the route are open or being dialled. */
  countOf(route: Route.Route): number {
    const dialling = this.dials.filter((dial) => !dial.isEnded && dial.route.key === route.key).length
    return dialling + Array.from(this.open).filter((connection) => connection.route.key === route.key).length
  }

  /** Lets every close that waits, and every later one, end. */
  finishCloses(): void {
    this.areClosesAutomatic = true
    for (const close of this.closes) if (!close.isEnded) close.succeed()
  }

  private check(list: Array<Check>, isAutomatic: boolean) {
    return (connection: FakeConnection, route: Route.Route): Effect.Effect<void, unknown> =>
      Effect.suspend(() => {
        const { answered, question } = ask(route, connection, () => {})
        list.push(question)
        if (isAutomatic) question.succeed()
        return answered
      })
  }
}

const ask = <A>(
  route: Route.Route,
  connection: FakeConnection,
  result: () => A
): { readonly question: Question<A>; readonly answered: Effect.Effect<A, unknown> } => {
  const answer = Deferred.makeUnsafe<A, unknown>()
  const question: Question<A> = {
    route,
    connection,
    control: connection.control,
    isInterrupted: false,
    isEnded: false,
    succeed: () => {
      Deferred.doneUnsafe(answer, Effect.succeed(result()))
      return result()
    },
    fail: (error) => {
      Deferred.doneUnsafe(answer, Effect.fail(error))
    }
  }
  const answered = Deferred.await(answer).pipe(
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        question.isInterrupted = true
      })
    ),
    Effect.onExit(() =>
      Effect.sync(() => {
        question.isEnded = true
      })
    )
  )
  return { question, answered }
}

const at = <A>(list: ReadonlyArray<A>, number: number, what: string): A => {
  const item = list[number - 1]
  if (item === undefined) throw new Error(`there have been ${list.length} ${what}, not ${number}`)
  return item
}
