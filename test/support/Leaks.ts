/**
 * What shows that a suite has closed all it opened.
 */
import { setImmediate } from "node:timers/promises"
import { afterAll, beforeAll, expect } from "@effect/vitest"

const resourcesNow = (): ReadonlyArray<string> =>
  process.getActiveResourcesInfo().filter((name) => /TCP|TLS|PIPE|CONNECT|PROCESS|Timeout/i.test(name))

/** Turns of the event loop after which a closed socket has told so; a leak stays for ever. */
const turnCountMax = 200

/**
 * Fails the suite in whose file it is called if sockets, processes or timers are left after its last test that were not
 * there before its first.
 */
export const expectNothingLeft = (): void => {
  let before: ReadonlyArray<string> = []
  beforeAll(() => {
    before = resourcesNow()
  })
  afterAll(async () => {
    for (let turn = 0; turn < turnCountMax && resourcesNow().length > before.length; turn++) await setImmediate()
    expect(resourcesNow()).toEqual(before)
  })
}
