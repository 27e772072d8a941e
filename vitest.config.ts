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
    // Room for a loaded machine: no test waits for a clock, so one that takes this long hangs.
    testTimeout: 20_000,
    hookTimeout: 20_000
  }
})
