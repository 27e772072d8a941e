/**
 * A factory whose every dial the test answers itself, so that a spec decides what happens and in which order.
 */
import { Deferred, Effect } from "effect"
import type { ConnectionControl, ConnectionFactory, Route } from "../../src/index.ts"

export class FakeConnection {
  readonly id: number
  readonly route: Route.Route
  readonly control: ConnectionControl
  isOpen = true
  probeCount = 0

  constructor(id: number, route: Route.Route, control: ConnectionControl) {
    this.id = id
    this.route = route
    this.control = control
  }
}

export interface Dial {
  readonly route: Route.Route
  readonly control: ConnectionControl
  succeed(): FakeConnection
  fail(error: unknown): void
  isInterrupted: boolean
}

export class ScriptedFactory implements ConnectionFactory<FakeConnection> {
  /** Every dial ever made. */
  readonly dials: Array<Dial> = []
  readonly open = new Set<FakeConnection>()
  /** The highest number of connections that were open or being dialled at once, by the factory's own count. */
  openMax = 0
  connectingCount = 0
  /** Answers dials at once instead of waiting for the test. */
  isAutomatic: boolean

  constructor(isAutomatic = false) {
    this.isAutomatic = isAutomatic
  }

  readonly connect: ConnectionFactory<FakeConnection>["connect"] = (route, control) =>
    Effect.acquireRelease(
      Effect.suspend(() => {
        const connection = new FakeConnection(this.dials.length + 1, route, control)
        const answer = Deferred.makeUnsafe<FakeConnection, unknown>()
        this.connectingCount++
        this.openMax = Math.max(this.openMax, this.open.size + this.connectingCount)
        const dial: Dial = {
          route,
          control,
          isInterrupted: false,
          succeed: () => {
            Deferred.doneUnsafe(answer, Effect.succeed(connection))
            return connection
          },
          fail: (error) => {
            Deferred.doneUnsafe(answer, Effect.fail(error))
          }
        }
        this.dials.push(dial)
        if (this.isAutomatic) dial.succeed()
        return Deferred.await(answer).pipe(
          Effect.onExit((exit) =>
            Effect.sync(() => {
              this.connectingCount--
              if (exit._tag === "Success") this.open.add(connection)
            })
          ),
          Effect.onInterrupt(() =>
            Effect.sync(() => {
              dial.isInterrupted = true
            })
          )
        )
      }),
      (connection) =>
        Effect.sync(() => {
          connection.isOpen = false
          this.open.delete(connection)
        }),
      { interruptible: true }
    )

  readonly isAlive = (connection: FakeConnection): boolean => connection.isOpen

  /** The dial made as the `number`th, from 1. */
  dial(number: number): Dial {
    const dial = this.dials[number - 1]
    if (dial === undefined) throw new Error(`there have been ${this.dials.length} dials, not ${number}`)
    return dial
  }
}
