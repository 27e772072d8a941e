/**
 * Weir's `fetch`, judged by the Fetch standard on the runtime that runs this. `npm run fetch:standard` judges the
 * runtimes' own `fetch` by the same behaviours, and writes both into docs/fetch-standard.md.
 */
import assert from "node:assert/strict"
import { createClient } from "@weir/fetch"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { deviationOn, deviations } from "./deviations.ts"
import { type Peer, startPeer } from "./Spec.ts"
import { specs } from "./standard/index.ts"

const runtime = "Bun" in globalThis ? "bun" : "Deno" in globalThis ? "deno" : "node"

let peer: Peer
beforeAll(async () => {
  peer = await startPeer()
})
afterAll(async () => {
  await peer[Symbol.asyncDispose]()
})

describe("fetch", () => {
  it.each(specs)("does as $section asks: it $says", async ({ check, says }) => {
    const client = createClient({ http: { drainTimeout: 0 } })
    const call = check({ fetch: client.fetch, at: peer.at })
    if (deviationOn(says, runtime) === undefined) await call
    else await assert.rejects(call, () => true, "it is listed as a deviation, and is none")
    await client.close(0)
    const { active, connections, pending } = client.stats()
    expect([active.used, connections.used, pending.used]).toEqual([0, 0, 0])
  })

  it("deviates only in behaviours that there are", () => {
    const known = new Set(specs.map(({ says }) => says))
    expect([...deviations.keys()].filter((says) => !known.has(says))).toEqual([])
    expect(known.size).toBe(specs.length)
  })
})
