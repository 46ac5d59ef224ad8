package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.backends.CoreLog.Level;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.FakeShim;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.SwapReport.Outcome;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The lines of the core's log, and the level of each. */
@Timeout(60)
class CoreEventsTest {
    private static final String STATES = ", reads states 1 to 1";
    private static final String PAUSE = ", pause \\d+\\.\\d{3} ms";

    private record Line(Level level, String text) {}

    private final LinkedBlockingQueue<Line> lines = new LinkedBlockingQueue<>();
    private final Bench bench = new Bench();
    private FakeBackend old;
    private Unit unit;
    private Container container;

    @BeforeEach
    void open() throws Exception {
        old = bench.arrived("1.0.0");
        bench.core.logTo((level, text) -> lines.add(new Line(level, text)));
        expect(Level.INFO, Pattern.quote("backend #1 intel fake 1.0.0 arrived: generations 0x0001 0x0002" + STATES));
        expect(Level.INFO, Pattern.quote("backend #1 intel fake 1.0.0 serves"));
        unit = bench.unit(1);
        container = Bench.container(unit, 1);
    }

    @AfterEach
    void close() {
        bench.close();
    }

    private String expect(Level level, String pattern) throws InterruptedException {
        Line line = lines.poll(10, TimeUnit.SECONDS);
        assertNotNull(line, pattern);
        assertTrue(Pattern.compile(pattern, Pattern.DOTALL).matcher(line.text).matches(), line + " is not " + pattern);
        assertEquals(level, line.level, line::toString);
        return line.text;
    }

    private void expectArrival(int number, String version, String generations) throws InterruptedException {
        expect(
                Level.INFO,
                Pattern.quote("backend #" + number + " intel fake " + version + " arrived: generations " + generations)
                        + ", reads states \\d+ to \\d+");
    }

    @Test
    void shouldTellOfSwapsSideBySideAndThoseThatAreRefused() throws Exception {
        bench.arrived("1.1.0");
        expectArrival(2, "1.1.0", "0x0001 0x0002");
        expect(Level.INFO, "swap of intel from 1\\.0\\.0 to 1\\.1\\.0, side by side: done, units 1, parked 0" + PAUSE);
        assertEquals(Outcome.REFUSED, bench.swap("1.1.0").outcome());
        expect(
                Level.WARNING,
                "swap of intel from 1\\.1\\.0 to 1\\.1\\.0, side by side: refused, .*" + PAUSE
                        + "; .*serves already.*");
        assertEquals(Outcome.DONE, bench.swap("1.0.0").outcome());
        expect(Level.INFO, "swap of intel from 1\\.1\\.0 to 1\\.0\\.0, side by side: done, units 1, parked 0" + PAUSE);
    }

    @Test
    void shouldTellOfASwapInPlaceOfADepartureAndOfTheArrivalThatEndsIt() throws Exception {
        bench.core.leaving(old);
        expect(Level.INFO, "backend #1 intel fake 1\\.0\\.0 leaves");
        expect(
                Level.INFO,
                "swap of intel from 1\\.0\\.0 to nobody, departure: done, units 1, parked 0" + PAUSE
                        + "; no backend is left");
        bench.arrived("1.1.0");
        expectArrival(2, "1.1.0", "0x0001 0x0002");
        expect(Level.INFO, "swap of intel from nobody to 1\\.1\\.0, in place: done, units 1, parked 0" + PAUSE);
    }

    @Test
    void shouldTellOfASuccessor() throws Exception {
        bench.arrived("0.9.0");
        expectArrival(2, "0.9.0", "0x0001 0x0002");
        bench.core.leaving(old);
        expect(Level.INFO, "backend #1 intel fake 1\\.0\\.0 leaves");
        expect(Level.INFO, "swap of intel from 1\\.0\\.0 to 0\\.9\\.0, succession: done, units 1, parked 0" + PAUSE);
    }

    @Test
    void shouldTellOfASwapThatIsRolledBackAndOfTheFailureWithItsTraceOnce() throws Exception {
        FakeBackend broken = bench.backend("2.0.0");
        broken.traps().on("restoreHardware", () -> {
            throw new IllegalStateException("not today");
        });
        bench.core.arrived(broken);
        expectArrival(2, "2.0.0", "0x0001 0x0002");
        String trace = expect(
                Level.WARNING,
                "backend #2 intel fake 2\\.0\\.0 threw java\\.lang\\.IllegalStateException: not today\n.*");
        assertTrue(trace.contains("\n    at org.iommu4j.core.CoreEventsTest"), trace);
        expect(Level.WARNING, "backend #2 intel fake 2\\.0\\.0 failed: .*not today.*");
        expect(
                Level.WARNING,
                "swap of intel from 1\\.0\\.0 to 2\\.0\\.0, side by side: rolled back, units 1, parked 0" + PAUSE
                        + "; .*not today.*");
    }

    @Test
    void shouldTellOfAnAgreementThatEnds() throws Exception {
        container.attach(7, new Completion());
        Bench.send(container, Bench.bind(1, 7, 0x1000, false));
        old.traps().on("saveHardware", () -> {
            throw new IllegalStateException("crashed");
        });
        bench.core.leaving(old);
        FakeBackend picky = bench.backend("1.0.1");
        picky.traps().on("bind", () -> {
            throw new BackendException(Errno.EFAULT, "the table is gone");
        });
        bench.core.arrived(picky);
        expect(Level.INFO, "backend #1 .* leaves");
        expect(Level.WARNING, "backend #1 .* threw java\\.lang\\.IllegalStateException: crashed\n.*");
        expect(Level.INFO, "swap of intel from 1\\.0\\.0 to nobody, departure: done.*");
        expectArrival(2, "1.0.1", "0x0001 0x0002");
        expect(Level.WARNING, "swap of intel from nobody to 1\\.0\\.1, in place: done, units 1.*");
        expect(Level.WARNING, "agreement ended: unit 1 container 0: .*the table is gone.*");
    }

    @Test
    void shouldLogAContainedExceptionOnceAndAnswerEveryTime() throws Exception {
        old.traps().on("invalidate", () -> {
            throw new ArithmeticException("by zero");
        });
        for (int i = 1; i <= 3; i++) {
            assertEquals(
                    Errno.EIO, Bench.send(container, Bench.invalidate(1, i)).errno());
        }
        assertEquals(3, bench.core.backends().get(0).contained());
        String trace = expect(
                Level.WARNING, "backend #1 intel fake 1\\.0\\.0 threw java\\.lang\\.ArithmeticException: by zero\n.*");
        assertTrue(trace.contains("\n    at org.iommu4j.core.CoreEventsTest"), trace);
        bench.core.leaving(old);
        expect(Level.INFO, ".* leaves");
    }

    @Test
    void shouldCallItAnErrorIfNobodyServesThoughSomebodyIsThere() throws Exception {
        FakeBackend bad = bench.backend("0.9.0");
        bad.traps().onTrial("createHardware", () -> {
            throw new IllegalStateException("no chip");
        });
        bench.core.arrived(bad);
        expectArrival(2, "0.9.0", "0x0001 0x0002");
        expect(Level.WARNING, ".* threw .*no chip\n.*");
        expect(Level.WARNING, "backend #2 intel fake 0\\.9\\.0 failed: .*no chip.*");
        bench.core.leaving(old);
        List<Line> seen = new ArrayList<>();
        do {
            Line line = lines.poll(10, TimeUnit.SECONDS);
            assertNotNull(line, seen::toString);
            seen.add(line);
        } while (seen.get(seen.size() - 1).level != Level.ERROR);
        assertTrue(seen.get(seen.size() - 1).text.startsWith("nobody serves model intel: none of "), seen::toString);
    }

    @Test
    void shouldTellOfOnlookersAndShimsThatAreRefused() throws Exception {
        AutoCloseable listening = bench.core.onSwap(report -> {
            throw new IllegalStateException("no time");
        });
        bench.swap("9.9.9");
        expect(Level.WARNING, "swap of intel .*refused.*");
        expect(Level.WARNING, "a listener to swaps threw java\\.lang\\.IllegalStateException: no time\n.*");
        listening.close();
        bench.core.arrived(new FakeShim(IommuModel.INTEL, 2, 2, "circle", Fidelity.EXACT));
        expect(Level.WARNING, "a shim is not used: .*");
    }

    @Test
    void shouldKeepTheLastLinesForALogThatComesLateAndCountTheOthers() throws Exception {
        bench.core.logTo(null);
        for (int i = 0; i < 300; i++) {
            bench.swap("9.9.9");
        }
        LinkedBlockingQueue<Line> late = new LinkedBlockingQueue<>();
        bench.core.logTo((level, text) -> late.add(new Line(level, text)));
        Line first = late.poll(10, TimeUnit.SECONDS);
        assertEquals(new Line(Level.WARNING, "44 lines of the log were lost"), first);
        for (int i = 0; i < 256; i++) {
            assertNotNull(late.poll(10, TimeUnit.SECONDS));
        }
    }

    @Test
    void shouldNotStandStillForALogThatHangsOrThrows() throws Exception {
        bench.core.logTo((level, text) -> {
            throw new IllegalStateException(text);
        });
        bench.swap("9.9.9");
        bench.core.logTo((level, text) -> lines.add(new Line(level, text)));
        bench.arrived("1.1.0");
        Line line;
        do {
            line = lines.poll(10, TimeUnit.SECONDS);
            assertNotNull(line);
        } while (!line.text.contains("1.1.0 arrived"));
    }
}
