/**
 * What shows that a suite has closed all it opened.
 */
import { setImmediate } from "node:timers/promises"
import { afterAll, beforeAll, expect } from "@effect/vitest"

const socketsNow = (): ReadonlyArray<string> =>
  process.getActiveResourcesInfo().filter((name) => /TCP|TLS|PIPE|CONNECT/i.test(name))

/** Turns of the event loop after which a closed socket has told so; a leak stays for ever. */
const turnCountMax = 100

/** Fails the suite in whose file it is called if sockets are open after its last test that were not before its first. */
export const expectNoSocketsLeft = (): void => {
  let before: ReadonlyArray<string> = []
  beforeAll(() => {
    before = socketsNow()
  })
  afterAll(async () => {
    for (let turn = 0; turn < turnCountMax && socketsNow().length > before.length; turn++) await setImmediate()
    expect(socketsNow()).toEqual(before)
  })
}
