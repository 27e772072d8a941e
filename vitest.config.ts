import { defineConfig } from "vitest/config"

/** vitest resolves our packages in the runtime's stead; of itself it knows Node's conditions only, the last three. */
const ownConditions = "Bun" in globalThis ? ["bun"] : "Deno" in globalThis ? ["deno"] : []
const conditions = [...ownConditions, "module", "node", "development|production"]

export default defineConfig({
  ssr: { resolve: { conditions } },
  test: {
    include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    setupFiles: process.env["WITHOUT_WEBASSEMBLY"] === "1" ? ["test/setup/withoutWebAssembly.ts"] : [],
    // Files share processes: to start one and load effect anew takes longer than the tests of most files. So what a
    // module keeps is shared between files, and a leak check has to compare with what was there before its file.
    isolate: false,
    // Tests wait for sockets and processes as much as they compute, and vitest would leave one core idle.
    maxWorkers: "100%",
    // Room for a loaded machine: no test waits for a clock, so one that takes this long hangs.
    testTimeout: 60_000,
    hookTimeout: 60_000
  }
})
