package org.iommu4j.shell.component;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class StartLimitTest {
    private final BlockingQueue<String> ends = new LinkedBlockingQueue<>();

    @Test
    void shouldEndAStartThatHangsAndSayWhere() throws InterruptedException {
        new StartLimit(Thread.currentThread(), 20, ends::add);

        String line = ends.poll(10, TimeUnit.SECONDS);

        assertTrue(line.startsWith("iommu4j: the bundles did not start in 20 ms; it is at "), line);
    }

    @Test
    void shouldLetAStartGoOn() throws InterruptedException {
        new StartLimit(Thread.currentThread(), 200, ends::add).started();

        assertNull(ends.poll(400, TimeUnit.MILLISECONDS));
    }
}
