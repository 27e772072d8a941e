import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    // Room for a loaded machine: no test waits for a clock, so one that takes this long hangs.
    testTimeout: 20_000,
    hookTimeout: 20_000
  }
})
