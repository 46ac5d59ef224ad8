package org.iommu4j.s390.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.s390.Machine;
import org.iommu4j.s390.command.Clp;
import org.iommu4j.s390.command.ZpciCapabilities;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Findings of the sanitizer on right and on broken units, and with right and with forgetful guests. */
class StaleTranslationTest {
    private static final long FUNCTION = 0x8002_0001_0000_0000L;
    private static final long PAGE = 0x1_0000_2000L;
    private static final long BLOCK = 0x6000_0000L;

    private SimulatedPlatform platform;
    private SimulatedZpci unit;
    private final NativeCall call = new NativeCall();

    /** Drops nothing at RPCIT. */
    private static final class KeepsPages extends TranslationCaches {
        KeepsPages(CacheConfig config, ZpciCapabilities unit) {
            super(config, unit);
        }

        @Override
        int dropRange(int function, long first, long last) {
            return 0;
        }
    }

    private void make(int generation, BiFunction<CacheConfig, ZpciCapabilities, TranslationCaches> caches) {
        platform = new SimulatedPlatform(
                new PlatformConfig(52, List.of(), (address, data) -> {}, DevicePort.COMPLETING, Sanitizer.Mode.ON));
        unit = SimulatedZpci.create(Machine.config(generation, Map.of(), Map.of()), platform, caches);
        write(Machine.RT + 2 * 8, 0x1000_4007L);
        write(Machine.ST, 0x1000_8000L);
        page(2, 0x1234_5000L);
        page(3, 0x400);
        byte[] request = Clp.setFunction(0x0002_0001, 0);
        platform.memory().write(BLOCK, request, 0, request.length);
        write(BLOCK + request.length, 32L << 48);
        execute(0xB9A0, BLOCK);
        long[] fib = {0, 0, Machine.PBA, Machine.PAL, Machine.IOTA, 0, 0, 0, 0, 0};
        for (int i = 0; i < fib.length; i++) {
            write(BLOCK + i * 8L, fib[i]);
        }
        execute(0xE3D0, FUNCTION | 4, BLOCK);
        refresh(PAGE);
    }

    private void write(long pa, long word) {
        platform.memory().writeLongBe(pa, word);
    }

    private void page(int index, long entry) {
        write(Machine.PT + index * 8L, entry);
    }

    private void execute(int function, long... words) {
        call.begin(function);
        for (int i = 0; i < words.length; i++) {
            call.word(i, words[i]);
        }
        unit.call(call);
        assertEquals(0, call.result());
    }

    private void refresh(long page) {
        execute(0xB9D3, FUNCTION, page, 0x1000);
    }

    private void read(long iova) {
        DmaAccess access = new DmaAccess().begin(0x8002_0001, iova, DmaAccess.READ);
        unit.translate(access);
        assertEquals(DmaAccess.Outcome.TRANSLATED, access.outcome());
    }

    private SanitizerReport report() {
        return platform.sanitizer().report();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldFindNothingWhenEveryChangeIsRefreshed(int generation) {
        make(generation, TranslationCaches::new);
        read(PAGE);
        for (long entry : new long[] {0x3000_0000L, 0x400, 0x4000_0200L}) {
            page(2, entry);
            refresh(PAGE);
            if (entry != 0x400) {
                read(PAGE);
            }
        }
        page(3, 0x5000_0000L);
        refresh(0x1_0000_3000L);
        read(0x1_0000_3000L);
        assertEquals(Map.of(), report().counts(), report()::toString);
        assertTrue(report().edits() >= 3 && report().fills() >= 4 && report().commands() >= 2, report()::toString);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldFindARefreshThatTheGuestForgot(int generation) {
        make(generation, TranslationCaches::new);
        read(PAGE);
        page(2, 0x3000_0000L);
        read(PAGE);
        assertEquals(1, report().count(Finding.Kind.MISSING_INVALIDATION), report()::toString);
        assertTrue(report().findings().get(0).covering().startsWith("RPCIT of function 1"));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldFindAUnitThatDoesNotDrop(int generation) {
        make(generation, KeepsPages::new);
        read(PAGE);
        page(2, 0x400);
        refresh(PAGE);
        read(PAGE);
        assertEquals(1, report().chipFaults(), report()::toString);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldCountARefreshThatHadNothingToDo(int generation) {
        make(generation, TranslationCaches::new);
        refresh(0x1_0000_3000L);
        assertEquals(1, report().count(Finding.Kind.SUPERFLUOUS), report()::toString);
    }
}
