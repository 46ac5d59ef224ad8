package org.iommu4j.core.gate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class GateTest {
    private static final long LONG = TimeUnit.SECONDS.toNanos(30);
    private static final long SHORT = TimeUnit.MILLISECONDS.toNanos(30);

    private final Gate<String> gate = new Gate<>("old");

    @Test
    void shouldLetOneCallInWhenOpen() {
        Route<String> route = gate.enter();
        assertEquals("old", route.target);
        assertTrue(route.isInside());
        assertFalse(route.isQuiet());
        route.leave();
        assertTrue(route.isQuiet());
    }

    @Test
    void shouldRefuseReentryWhenCallerIsInside() {
        Route<String> route = gate.enter();
        assertNull(gate.enter());
        assertEquals(Verdict.REENTERED, gate.run(target -> {}, LONG, null, 0));
        route.leave();
        assertEquals(Verdict.RAN, gate.run(target -> {}, 0, null, 0));
    }

    @Test
    void shouldSayBusyWhenAnotherCallDoesNotComeOut() throws Exception {
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch out = new CountDownLatch(1);
        Thread other = start(() -> gate.run(
                target -> {
                    in.countDown();
                    await(out);
                },
                LONG,
                null,
                0));
        await(in);
        assertNull(gate.enter());
        assertEquals(Verdict.BUSY, gate.run(target -> {}, SHORT, null, 0));
        out.countDown();
        other.join();
        assertEquals(Verdict.RAN, gate.run(target -> {}, SHORT, null, 0));
    }

    @Test
    void shouldNotBeDrainedWhileCallIsInside() throws Exception {
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch out = new CountDownLatch(1);
        Thread other = start(() -> gate.run(
                target -> {
                    in.countDown();
                    await(out);
                },
                LONG,
                null,
                0));
        await(in);
        Route<String> before = gate.hold();
        assertFalse(gate.drained(before, Gate.deadline(SHORT)));
        out.countDown();
        assertTrue(gate.drained(before, Gate.deadline(LONG)));
        other.join();
    }

    @Test
    void shouldCarryOutWhatWaitedInOrderOfArrivalWhenReleased() throws Exception {
        gate.hold();
        List<Integer> order = Collections.synchronizedList(new ArrayList<>());
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            int number = i;
            threads.add(start(() -> gate.run(
                    target -> {
                        assertEquals("new", target);
                        order.add(number);
                    },
                    LONG,
                    null,
                    0)));
            while (gate.parkedTotal() <= i) {
                Thread.onSpinWait();
            }
        }
        gate.release("new", false);
        for (Thread thread : threads) {
            thread.join();
        }
        List<Integer> expected = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            expected.add(i);
        }
        assertEquals(expected, order);
        assertEquals("new", gate.target());
    }

    @Test
    void shouldKeepWaitersWhenHeldAgainBeforeAllHaveRun() throws Exception {
        gate.hold();
        CountDownLatch firstIn = new CountDownLatch(1);
        CountDownLatch firstOut = new CountDownLatch(1);
        List<String> ran = Collections.synchronizedList(new ArrayList<>());
        Thread first = start(() -> gate.run(
                target -> {
                    firstIn.countDown();
                    await(firstOut);
                    ran.add("first on " + target);
                },
                LONG,
                null,
                0));
        awaitParked(1);
        Thread second = start(() -> gate.run(target -> ran.add("second on " + target), LONG, null, 0));
        awaitParked(2);
        gate.release("middle", false);
        await(firstIn);
        Route<String> before = gate.hold();
        assertEquals("middle", before.target);
        assertFalse(gate.drained(before, Gate.deadline(SHORT)));
        firstOut.countDown();
        assertTrue(gate.drained(before, Gate.deadline(LONG)));
        gate.release("new", false);
        first.join();
        second.join();
        assertEquals(List.of("first on middle", "second on new"), ran);
    }

    @Test
    void shouldTurnAwayWhenNothingComesInTime() {
        gate.hold();
        gate.absent();
        assertTrue(gate.isAbsent());
        assertEquals(Verdict.UNAVAILABLE, gate.run(target -> {}, SHORT, null, 0));
        gate.release("new", false);
        assertEquals(Verdict.RAN, gate.run(target -> {}, 0, null, 0));
    }

    @Test
    void shouldTurnAwayWhenBoundIsReached() throws Exception {
        gate.hold();
        ParkingBound bound = new ParkingBound(2);
        Thread one = start(() -> gate.run(target -> {}, LONG, bound, 2));
        awaitParked(1);
        assertEquals(Verdict.FULL, gate.run(target -> {}, LONG, bound, 1));
        gate.release("new", false);
        one.join();
        gate.hold();
        assertEquals(Verdict.UNAVAILABLE, gate.run(target -> {}, SHORT, bound, 2));
        assertEquals(4, gate.read(bound, ParkingBound::total));
    }

    @Test
    void shouldKeepInterruptStatusWhenInterruptedInLine() throws Exception {
        gate.hold();
        AtomicReference<Verdict> verdict = new AtomicReference<>();
        AtomicReference<Boolean> status = new AtomicReference<>();
        Thread waiting = start(() -> {
            verdict.set(gate.run(target -> {}, LONG, null, 0));
            status.set(Thread.currentThread().isInterrupted());
        });
        awaitParked(1);
        waiting.interrupt();
        waiting.join();
        assertEquals(Verdict.INTERRUPTED, verdict.get());
        assertTrue(status.get());
    }

    @Test
    void shouldOpenWhenTheOnlyOneInLineGivesUpAtRelease() throws Exception {
        for (int i = 0; i < 200; i++) {
            gate.hold();
            Thread waiting = start(() -> gate.run(target -> {}, LONG, null, 0));
            awaitParked(i + 1);
            waiting.interrupt();
            gate.release("new" + i, false);
            waiting.join();
            assertEquals(Verdict.RAN, gate.run(target -> {}, LONG, null, 0));
            assertEquals("new" + i, gate.target());
        }
    }

    @Test
    void shouldTurnEverybodyAwayWhenClosed() throws Exception {
        gate.hold();
        AtomicReference<Verdict> verdict = new AtomicReference<>();
        Thread waiting = start(() -> verdict.set(gate.run(target -> {}, LONG, null, 0)));
        awaitParked(1);
        gate.close();
        waiting.join();
        assertEquals(Verdict.CLOSED, verdict.get());
        assertEquals(Verdict.CLOSED, gate.run(target -> {}, LONG, null, 0));
        gate.release("new", false);
        assertNull(gate.enter());
        assertNull(gate.hold());
        assertTrue(gate.isClosed());
    }

    @Test
    void shouldThrowInTheCallersThreadWhatTheOperationThrows() throws Exception {
        assertThrows(IllegalStateException.class, () -> gate.run(target -> fail(), 0, null, 0));
        assertEquals(Verdict.RAN, gate.run(target -> {}, 0, null, 0));
        gate.hold();
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Thread one = start(() -> {
            try {
                gate.run(target -> fail(), LONG, null, 0);
            } catch (IllegalStateException e) {
                thrown.set(e);
            }
        });
        awaitParked(1);
        AtomicInteger ran = new AtomicInteger();
        Thread two = start(() -> gate.run(target -> ran.incrementAndGet(), LONG, null, 0));
        awaitParked(2);
        gate.release("new", false);
        one.join();
        two.join();
        assertNotNull(thrown.get());
        assertEquals(1, ran.get());
    }

    @Test
    void shouldLeaveTheSlotToACallThatNeverCameOut() throws Exception {
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch out = new CountDownLatch(1);
        Thread stuck = start(() -> gate.run(
                target -> {
                    in.countDown();
                    await(out);
                },
                LONG,
                null,
                0));
        await(in);
        Route<String> before = gate.hold();
        assertFalse(gate.drained(before, Gate.deadline(SHORT)));
        gate.release("new", true);
        assertEquals(Verdict.RAN, gate.run(target -> assertEquals("new", target), SHORT, null, 0));
        out.countDown();
        stuck.join();
        assertEquals(Verdict.RAN, gate.run(target -> {}, SHORT, null, 0));
    }

    @Test
    void shouldDoErrandsWhenTheInsiderLeavesOrBeforeTheNextCall() {
        List<String> done = new ArrayList<>();
        Route<String> inside = gate.enter();
        gate.post(target -> done.add("first on " + target));
        assertEquals(List.of(), done);
        assertTrue(gate.isWanted());
        gate.leave(inside);
        assertEquals(List.of("first on old"), done);
        gate.hold();
        gate.post(target -> done.add("second on " + target));
        gate.release("new", false);
        assertEquals(1, done.size());
        assertNull(gate.enter());
        assertEquals(Verdict.RAN, gate.run(target -> done.add("call on " + target), 0, null, 0));
        assertEquals(List.of("first on old", "second on new", "call on new"), done);
        assertEquals("new", gate.target());
        gate.close();
        gate.post(target -> done.add("third"));
        assertEquals(3, done.size());
    }

    @Test
    void shouldDoOnePieceOfALongErrandInEachStay() {
        List<String> done = new ArrayList<>();
        Route<String> inside = gate.enter();
        gate.postInPieces(target -> {
            done.add("piece on " + target);
            return done.size() < 5;
        });
        gate.leave(inside);
        assertEquals(List.of("piece on old"), done);
        assertTrue(gate.isWanted());
        assertEquals(Verdict.RAN, gate.run(target -> done.add("call on " + target), LONG, null, 0));
        assertEquals(List.of("piece on old", "piece on old", "call on old", "piece on old"), done);
        gate.hold();
        gate.release("new", false);
        assertEquals(Verdict.RAN, gate.run(target -> done.add("call on " + target), LONG, null, 0));
        assertEquals(List.of("piece on new", "call on new"), done.subList(4, done.size()));
        assertFalse(gate.isWanted());
        gate.leave(gate.enter());
        assertEquals(6, done.size());
    }

    @Test
    void shouldLetOthersInBetweenThePiecesOfALongErrand() throws Exception {
        AtomicInteger pieces = new AtomicInteger();
        AtomicInteger calls = new AtomicInteger();
        gate.postInPieces(target -> pieces.incrementAndGet() < 2000);
        List<Thread> callers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            callers.add(start(() -> {
                for (int call = 0; call < 1000; call++) {
                    assertEquals(Verdict.RAN, gate.run(target -> calls.incrementAndGet(), LONG, null, 0));
                }
            }));
        }
        for (Thread caller : callers) {
            caller.join();
        }
        assertEquals(4000, calls.get());
        assertEquals(2000, pieces.get());
        assertFalse(gate.isWanted());
    }

    @Test
    void shouldGoOnWithALongErrandWhereTheCallThatDidItWasAbandoned() throws Exception {
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch out = new CountDownLatch(1);
        List<String> done = Collections.synchronizedList(new ArrayList<>());
        gate.postInPieces(target -> {
            done.add(target);
            if (done.size() == 1) {
                in.countDown();
                await(out);
            }
            return done.size() < 3;
        });
        Thread stuck = start(() -> gate.run(target -> {}, LONG, null, 0));
        await(in);
        Route<String> before = gate.hold();
        assertFalse(gate.drained(before, Gate.deadline(SHORT)));
        gate.release("new", true);
        gate.leave(gate.enter());
        assertEquals(List.of("old"), done);
        out.countDown();
        stuck.join();
        while (gate.isWanted()) {
            gate.run(target -> {}, LONG, null, 0);
        }
        assertEquals(List.of("old", "new", "new"), done);
    }

    @Test
    void shouldLetInWhoHasWaitedLongBeforeNewcomers() throws Exception {
        List<String> order = Collections.synchronizedList(new ArrayList<>());
        Route<String> inside = gate.enter();
        Thread patient = start(() -> gate.run(target -> order.add("patient"), LONG, null, 0));
        while (!gate.isWanted()) {
            Thread.onSpinWait();
        }
        Thread newcomer = start(() -> gate.run(target -> order.add("newcomer"), LONG, null, 0));
        Thread.sleep(20);
        assertEquals(List.of(), order);
        gate.leave(inside);
        patient.join();
        newcomer.join();
        assertEquals(List.of("patient", "newcomer"), order);
        assertEquals("old", gate.target());
    }

    @Test
    void shouldOpenAgainWhenWhoStoodInLineGivesUp() throws Exception {
        Route<String> inside = gate.enter();
        AtomicReference<Verdict> verdict = new AtomicReference<>();
        Thread waiting = start(() -> verdict.set(gate.run(target -> {}, SHORT, null, 0)));
        waiting.join();
        assertEquals(Verdict.BUSY, verdict.get());
        assertFalse(gate.isWanted());
        gate.leave(inside);
        assertEquals("old", gate.target());
    }

    @Test
    void shouldNeverLetTwoIn() throws Exception {
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger worst = new AtomicInteger();
        AtomicInteger done = new AtomicInteger();
        AtomicLong longest = new AtomicLong();
        List<Thread> threads = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            threads.add(start(() -> {
                for (int i = 0; i < 5000; i++) {
                    long start = System.nanoTime();
                    Verdict verdict = gate.run(
                            target -> {
                                worst.accumulateAndGet(inside.incrementAndGet(), Math::max);
                                done.incrementAndGet();
                                inside.decrementAndGet();
                            },
                            LONG,
                            null,
                            0);
                    assertEquals(Verdict.RAN, verdict);
                    longest.accumulateAndGet(System.nanoTime() - start, Math::max);
                }
            }));
        }
        for (int i = 0; i < 200; i++) {
            Route<String> before = gate.hold();
            assertTrue(gate.drained(before, Gate.deadline(LONG)));
            assertEquals(0, inside.get());
            if (i % 2 == 0) {
                gate.release(before);
            } else {
                gate.release("number " + i, false);
            }
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertEquals(1, worst.get());
        assertEquals(20000, done.get());
        assertTrue(longest.get() < LONG / 2, "a wake-up was lost: " + longest + " ns");
    }

    private static void fail() {
        throw new IllegalStateException("on purpose");
    }

    private void awaitParked(long total) {
        while (gate.parkedTotal() < total) {
            Thread.onSpinWait();
        }
    }

    private static Thread start(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private static void await(CountDownLatch latch) {
        try {
            assertTrue(latch.await(30, TimeUnit.SECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
