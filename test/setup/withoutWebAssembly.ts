/**
 * Takes WebAssembly away before a suite is loaded, on any runtime, to prove that nothing needs it; vitest itself may have
 * used it before. (`node --jitless` takes it away from the whole process: `npm run test:runtimes`.)
 */
Reflect.deleteProperty(globalThis, "WebAssembly")
if ("WebAssembly" in globalThis) throw new Error("this runtime does not let WebAssembly be taken away")
