package org.iommu4j.shell.component;

import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.iommu4j.core.service.Watch;
import org.iommu4j.shell.cli.ExitStatus;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/**
 * Ends the program when its bundles do not start: a vendor's component may hang in its constructor, which runs in the thread
 * that starts the bundles, so that no command would ever run and tell it. Outside the launcher it is never made.
 */
@Component(service = StartLimit.class, immediate = true)
public final class StartLimit {
    /** Longest time from the start of this bundle to that of the last; a start takes one to ten seconds. */
    private static final long START_SECONDS = 60;

    private final CountDownLatch started = new CountDownLatch(1);

    /** Begins to wait; the thread that starts the bundles makes this component. */
    @Activate
    public StartLimit(
            @Reference(service = Object.class, target = "(launcher.arguments=*)")
                    Map.Entry<Map<String, Object>, Object> launcher) {
        this(Thread.currentThread(), TimeUnit.SECONDS.toMillis(START_SECONDS), StartLimit::end);
    }

    /** The same for another thread, limit and end. */
    StartLimit(Thread starting, long limitMillis, Consumer<String> end) {
        Thread waiting = new Thread(
                () -> {
                    if (!isStarted(limitMillis)) {
                        end.accept("iommu4j: the bundles did not start in " + limitMillis + " ms"
                                + Watch.place(starting.getStackTrace()));
                    }
                },
                "iommu4j-start");
        waiting.setDaemon(true);
        waiting.start();
    }

    /** All bundles have started. */
    void started() {
        started.countDown();
    }

    private boolean isStarted(long limitMillis) {
        try {
            return started.await(limitMillis, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return true;
        }
    }

    private static void end(String line) {
        System.err.println(line);
        Runtime.getRuntime().halt(ExitStatus.BROKEN);
    }
}
