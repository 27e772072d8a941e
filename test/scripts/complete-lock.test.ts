import { describe, expect, it } from "vitest"
import { describeByName, findMissing } from "../../scripts/complete-lock.ts"

describe("findMissing", () => {
  it("names the optional packages that have no entry, beside or inside the package that asks for them", () => {
    const missing = findMissing({
      "node_modules/turbo": { optionalDependencies: { "@turbo/linux-64": "2.11.11", "@turbo/darwin-64": "2.11.11" } },
      "node_modules/@turbo/linux-64": { version: "2.11.11" },
      "node_modules/deno": { optionalDependencies: { "@deno/win32-x64": "2.9.6" } },
      "node_modules/deno/node_modules/@deno/win32-x64": { version: "2.9.6" }
    })
    expect(missing).toEqual([{ name: "@turbo/darwin-64", version: "2.11.11", wantedBy: "node_modules/turbo" }])
  })
})

describe("describeByName", () => {
  const describeIt = (name: string, version = "1.0.0") => describeByName({ name, version, wantedBy: "it" }, true)

  it("reads the platform out of a package's name", () => {
    expect(describeIt("@deno/linux-arm64-glibc")).toEqual({
      version: "1.0.0",
      cpu: ["arm64"],
      dev: true,
      libc: ["glibc"],
      optional: true,
      os: ["linux"]
    })
    expect(describeIt("@turbo/windows-64")).toMatchObject({ os: ["win32"], cpu: ["x64"] })
  })

  it("refuses to guess a platform or a version", () => {
    expect(() => describeIt("fsevents")).toThrow("fsevents@1.0.0")
    expect(() => describeIt("@turbo/darwin-64", "^2.0.0")).toThrow("@turbo/darwin-64@^2.0.0")
  })
})
