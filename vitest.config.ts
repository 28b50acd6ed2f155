import { defineConfig } from 'vitest/config'

const milliseconds = 90_000

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.mjs'],
    // Journeys start real processes, so a worker is a process of its own; two fill the smallest machine we support.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: milliseconds,
    hookTimeout: milliseconds,
    teardownTimeout: milliseconds,
    allowOnly: false,
    dangerouslyIgnoreUnhandledErrors: false,
    passWithNoTests: false,
  },
})
