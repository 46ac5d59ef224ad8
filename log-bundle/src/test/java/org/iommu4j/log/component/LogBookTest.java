package org.iommu4j.log.component;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Clock;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.osgi.service.log.FormatterLogger;
import org.osgi.service.log.LogEntry;
import org.osgi.service.log.LogLevel;
import org.osgi.service.log.LogService;
import org.osgi.service.log.Logger;

class LogBookTest {
    private final LogBook book = new LogBook(Clock.systemUTC(), LogLevel.INFO);
    private final BundleLog log = new BundleLog(book, null);

    @AfterEach
    void close() {
        book.close();
    }

    private List<String> messages() {
        return Collections.list(book.kept()).stream().map(LogEntry::getMessage).toList();
    }

    @Test
    void shouldKeepTheNewestEntriesNewestFirst() {
        Logger logger = log.getLogger("a");
        for (int i = 0; i < LogBook.CAPACITY + 3; i++) {
            logger.info("entry " + i);
        }
        assertEquals(LogBook.CAPACITY, messages().size());
        assertEquals("entry " + (LogBook.CAPACITY + 2), messages().get(0));
        assertEquals("entry 3", messages().get(LogBook.CAPACITY - 1));
    }

    @Test
    void shouldPutValuesIntoTheMessageAndTakeTheExceptionOut() {
        log.getLogger("a").warn("from {} to \\{} {}", "x", 7, new IllegalStateException("why"));
        log.getLogger("a", FormatterLogger.class).error("0x%x", 255);
        List<LogEntry> entries = Collections.list(book.kept());
        assertEquals(List.of("0xff", "from x to {} 7"), messages());
        assertEquals(
                "java.lang.IllegalStateException: why",
                entries.get(1).getException().getMessage());
        assertEquals(LogLevel.WARN, entries.get(1).getLogLevel());
        assertEquals("a", entries.get(1).getLoggerName());
    }

    @Test
    void shouldLeaveOutWhatIsLessImportantThanItsLevel() throws Exception {
        Logger logger = log.getLogger(LogBookTest.class);
        logger.debug("no");
        logger.trace("no {}", 1);
        logger.debug(one -> one.info("nobody asks it"));
        logger.audit("yes");
        assertFalse(logger.isDebugEnabled());
        assertTrue(logger.isInfoEnabled());
        assertEquals(List.of("yes"), messages());
        assertEquals(LogBookTest.class.getName(), logger.getName());
    }

    @Test
    void shouldTakeItsLevelFromTheFrameworkProperty() {
        assertEquals(LogLevel.TRACE, LogActivator.level("trace"));
        assertEquals(LogLevel.WARN, LogActivator.level(null));
        assertEquals(LogLevel.WARN, LogActivator.level("loud"));
    }

    @Test
    void shouldCutAMessageThatIsTooLong() {
        log.getLogger("a").info("x".repeat(1 << 20));
        assertEquals(KeptEntry.MAX_MESSAGE, messages().get(0).length());
        assertTrue(messages().get(0).endsWith("..."));
    }

    @Test
    void shouldKeepAnExceptionWhoseCausesAreARing() {
        IllegalStateException one = new IllegalStateException("one");
        one.initCause(new IllegalStateException("two", one));
        log.getLogger("a").error("failed", one);
        Throwable kept = Collections.list(book.kept()).get(0).getException();
        int depth = 0;
        for (Throwable at = kept; at != null; at = at.getCause()) {
            assertEquals(KeptException.class, at.getClass());
            depth++;
        }
        assertTrue(depth < 20);
    }

    @Test
    void shouldTellListenersInOrderAndGoOnWithoutOneThatThrows() throws InterruptedException {
        BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        book.listen(entry -> {
            throw new IllegalStateException("a listener");
        });
        book.listen(entry -> heard.add(entry.getMessage()));
        log.getLogger("a").info("1");
        log.getLogger("a").info("2");
        assertEquals("1", heard.poll(10, TimeUnit.SECONDS));
        assertEquals("2", heard.poll(10, TimeUnit.SECONDS));
    }

    @Test
    void shouldNotWaitForAListenerThatHangs() throws InterruptedException {
        CountDownLatch forEver = new CountDownLatch(1);
        CountDownLatch inside = new CountDownLatch(1);
        book.listen(entry -> {
            inside.countDown();
            try {
                forEver.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        log.getLogger("a").info("first");
        assertTrue(inside.await(10, TimeUnit.SECONDS));
        for (int i = 0; i < 3 * LogBook.CAPACITY; i++) {
            log.getLogger("a").info("more");
        }
        assertEquals("more", messages().get(0));
        forEver.countDown();
    }

    @Test
    void shouldEndTheListenersOfABundleWithItsReader() throws InterruptedException {
        BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        LogReader reader = new LogReader(book);
        reader.addLogListener(entry -> heard.add(entry.getMessage()));
        log.getLogger("a").info("1");
        assertEquals("1", heard.poll(10, TimeUnit.SECONDS));
        reader.close();
        log.getLogger("a").info("2");
        book.close();
        assertEquals(0, heard.size());
    }

    @Test
    @SuppressWarnings("deprecation")
    void shouldServeClientsOfTheFirstLogService() {
        log.log(LogService.LOG_WARNING, "old");
        log.log(99, "less than debug");
        assertEquals(List.of("old"), messages());
        assertThrows(IllegalArgumentException.class, () -> log.getLogger("a", OtherLogger.class));
    }

    private interface OtherLogger extends Logger {}
}
