// Customers: a few orders a second, most of them fine, some too dear for the card so that the saga has to undo them.
// Prints nothing unless --report asks for a line every so many seconds.
import { readFlags } from './app.ts';
import { callerThrough } from './client.ts';

const flags = readFlags({ mesh: null, rate: '5', 'in-flight': '20', seconds: '0', report: '0' });
const rate = readNumber('rate');
const maxInFlight = readNumber('in-flight');
const seconds = readNumber('seconds');
const reportSeconds = readNumber('report');
const call = callerThrough(flags.mesh);
const customers = ['ada', 'grace', 'linus'];
const products = ['tea', 'coffee', 'mug'];
const counts = { placed: 0, backOrdered: 0, declined: 0, failed: 0, skipped: 0 };
let sent = 0;
let inFlight = 0;

function readNumber(name: 'rate' | 'in-flight' | 'seconds' | 'report'): number {
  const value = Number(flags[name]);
  if (Number.isFinite(value) && value >= 0) return value;
  process.stderr.write(`--${name} must be a number from 0 on; got "${flags[name]}"\n`);
  process.exit(2);
}

function wish(number: number): { user: string; product: string; quantity: number } {
  const isTooDear = number % 20 === 19;
  const user = customers[number % customers.length]!;
  const product = products[Math.floor(number / customers.length) % products.length]!;
  return { user, product, quantity: isTooDear ? 100 : 1 + (number % 2) };
}

async function order(): Promise<void> {
  if (inFlight >= maxInFlight) {
    counts.skipped++; // a slow shop gets fewer orders, not a queue
    return;
  }
  inFlight++;
  try {
    const { status } = await call('order', 'POST', '/orders', {}, wish(sent++));
    if (status === 201) counts.placed++;
    else if (status === 202) counts.backOrdered++;
    else if (status === 402) counts.declined++;
    else counts.failed++;
  } catch {
    counts.failed++;
  } finally {
    inFlight--;
  }
}

function report(): void {
  const { placed, backOrdered, declined, failed, skipped } = counts;
  process.stdout.write(
    `orders: ${placed} placed, ${backOrdered} back-ordered, ${declined} declined, ${failed} failed, ${skipped} skipped\n`,
  );
}

function stop(): void {
  if (reportSeconds > 0) report();
  process.exit(0);
}

if (rate > 0) setInterval(() => void order(), 1_000 / rate);
if (reportSeconds > 0) setInterval(report, reportSeconds * 1_000);
if (seconds > 0) setTimeout(stop, seconds * 1_000);
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
