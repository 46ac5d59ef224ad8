package org.iommu4j.testbench.fuzz;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Watch;
import org.iommu4j.testbench.FuzzFailure.Kind;

/**
 * One run of a case, on a thread of its own: what hangs is left behind.
 *
 * <p>The thread that made it reads its results after {@link #run} has returned.
 */
final class Attempt {
    private final IommuService service;
    private final Setup setup;
    private final FuzzScene scene;
    private final Coverage coverage;
    private final List<Action> done = Collections.synchronizedList(new ArrayList<>());
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile List<Map<String, Object>> steps = List.of();
    private volatile CaseRun current;

    /** The actions that were done when time was up, or null. */
    private volatile List<Action> hung;

    private volatile FuzzScene sceneAfter = FuzzScene.EMPTY;
    private volatile Failed failed;
    private volatile boolean refused;

    /** A run that begins with a scene; {@link FuzzScene#EMPTY} if an action brings it up. */
    Attempt(IommuService service, Backend backend, Setup setup, FuzzScene scene) {
        this.service = service;
        this.setup = setup;
        this.scene = scene;
        coverage = new Coverage(backend);
    }

    /**
     * Runs a case.
     *
     * @param beginning is done first
     * @param rest what is done then
     * @param deadlineNanos longest time
     * @return true if its thread has ended
     */
    boolean run(List<Action> beginning, Function<CaseRun, List<Action>> rest, long deadlineNanos) {
        Thread thread = new Thread(() -> work(beginning, rest), "fuzz-case");
        thread.setDaemon(true);
        thread.start();
        try {
            if (!Watch.await(ended, thread, deadlineNanos)) {
                hangs(thread, deadlineNanos);
                thread.interrupt();
                return ended.await(1, TimeUnit.SECONDS);
            }
            return true;
        } catch (InterruptedException e) {
            thread.interrupt();
            Thread.currentThread().interrupt();
            throw new BackendException(Errno.EIO, "interrupted", e);
        }
    }

    /** The actions done by now are the case, whatever it does once it is interrupted. */
    private void hangs(Thread thread, long deadlineNanos) {
        hung = done();
        CaseRun stuck = current;
        List<String> hints = List.of();
        if (stuck != null) {
            steps = stuck.steps();
            hints = stuck.lastHints();
        }
        failed = new Failed(
                        Kind.HANG,
                        describe(hung) + " did not come back in " + TimeUnit.NANOSECONDS.toMillis(deadlineNanos) + " ms"
                                + Watch.place(thread.getStackTrace()))
                .explained(hints);
    }

    private static String describe(List<Action> done) {
        if (done.isEmpty()) {
            return "making the machine";
        }
        Action last = done.get(done.size() - 1);
        return last instanceof Action.Plain plain
                ? Steps.text(plain.step(), "op")
                : last.getClass().getSimpleName();
    }

    private void work(List<Action> beginning, Function<CaseRun, List<Action>> rest) {
        Failed outcome = null;
        CaseRun run = null;
        int units = service.units().size();
        try {
            run = new CaseRun(service, setup, scene, coverage);
            current = run;
            for (Action action : beginning) {
                done.add(action);
                run.run(action);
            }
            for (Action action : rest.apply(run)) {
                done.add(action);
                run.run(action);
            }
            run.finish();
        } catch (Failed e) {
            outcome = e;
        } catch (BackendException e) {
            // The machine cannot be had: a configuration that the model refuses.
            refused = true;
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
            outcome = new Failed(Kind.UNTYPED_EXCEPTION, CaseRun.describe(e), e);
        } finally {
            if (run != null) {
                if (hung == null) {
                    steps = run.steps();
                }
                sceneAfter = run.scene();
                outcome = closed(run, units, outcome);
            }
            if (failed == null) {
                failed = outcome;
            }
            current = null;
            ended.countDown();
        }
    }

    private Failed closed(CaseRun run, int units, Failed outcome) {
        try {
            run.close();
        } catch (RuntimeException e) {
            return outcome != null ? outcome : new Failed(Kind.UNTYPED_EXCEPTION, CaseRun.describe(e), e);
        }
        return outcome == null && service.units().size() > units
                ? new Failed(Kind.GROWTH, "a unit is left open after it was closed")
                : outcome;
    }

    /** The failure of the case, or null. */
    Failed failed() {
        return failed;
    }

    /** True if its thread has ended, so that what it has written may be read. */
    boolean ended() {
        return ended.getCount() == 0;
    }

    /** True if the machine could not be made. */
    boolean refused() {
        return refused;
    }

    /** The actions that were begun. */
    List<Action> done() {
        if (hung != null) {
            return hung;
        }
        synchronized (done) {
            return List.copyOf(done);
        }
    }

    /** The steps that they became. */
    List<Map<String, Object>> steps() {
        return steps;
    }

    /** The scene that software had set up. */
    FuzzScene scene() {
        return sceneAfter;
    }

    /** The coverage of the case. */
    Coverage coverage() {
        return coverage;
    }
}
