// Loaded before a program (`node --import`): its monotonic clock is ahead by as many milliseconds as the file LATER_CLOCK says.
import { readFileSync } from 'node:fs'

const { LATER_CLOCK: file } = process.env
const now = performance.now.bind(performance)
let laterMs = 0
setInterval(() => {
  try {
    laterMs = Number(readFileSync(file, 'utf8'))
  } catch {
    // Not moved yet.
  }
}, 5).unref()
performance.now = () => now() + laterMs
