/** The runtime of the tests, whose `node:http` the gateway stands on: what the three do differently is named where it shows. */
export const runtime = "Bun" in globalThis ? "bun" : "Deno" in globalThis ? "deno" : "node"
