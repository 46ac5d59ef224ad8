package org.iommu4j.upgrade.record;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.RequestBatch;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.testing.ForwardingBackend;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.RecordResult.Kind;
import org.iommu4j.upgrade.Recording;
import org.iommu4j.upgrade.UpgradeException;
import org.iommu4j.upgrade.run.PlainBundles;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The lines of a record, call by call. */
class RecorderTest {
    /** The version of the bundle as it is built. */
    private static final String BUILT = new VtdBackend().describe().version();

    private static final int DEVICE = 0x18;
    private static final long TABLE = 0x10_0000;
    private static final long TARGET = 0x7_0000;
    private static final long IOVA = 0x4000;

    private static final long LIMIT_NANOS = 300_000_000L;
    private static final long HOLD_NANOS = 30_000_000_000L;

    @TempDir
    private Path directory;

    private Path file;
    private IommuCore core;
    private Records records;

    @BeforeEach
    void start() {
        file = directory.resolve("record.jsonl");
        core = new IommuCore(new SimulatedPlatformFactory());
        records = new Records(core, new PlainBundles(core, "vendor", BUILT, VtdBackend::new));
    }

    @AfterEach
    void stop() {
        core.close();
    }

    private Unit open() {
        return core.openUnit(UnitConfig.of(IommuModel.INTEL, HardwareConfig.of(0x110)));
    }

    private static Container container(Unit unit) {
        return unit.openContainer(ContainerConfig.of(Offer.exactly(IommuModel.INTEL, 0x110)));
    }

    /** Three levels of tables that map one page. */
    private static void map(Unit unit) {
        PhysicalMemory memory = unit.platform().memory();
        memory.writeLongLe(TABLE, (TABLE + 0x1000) | 3);
        memory.writePairLe(TABLE + 0x1000, (TABLE + 0x2000) | 3, 0);
        byte[] entry = {3, 0, 7, 0, 0, 0, 0, 0};
        memory.write(TABLE + 0x2000 + (IOVA >> 12) * 8, entry, 0, entry.length);
    }

    private static DmaAccess access(Unit unit) {
        DmaAccess access = new DmaAccess().begin(DEVICE, IOVA, DmaAccess.READ);
        unit.dma(access);
        return access;
    }

    private static byte[] invalidation() {
        RequestWriter writer = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, 0x110);
        return writer.invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, IOVA, 4096, new byte[0]);
    }

    private List<RecordLine> lines() {
        List<RecordLine> lines = new ArrayList<>();
        try (RecordReader reader = new RecordReader(file)) {
            for (RecordLine line = reader.next(); line != null; line = reader.next()) {
                lines.add(line);
            }
        }
        return lines;
    }

    private <T extends RecordLine> List<T> lines(Class<T> type) {
        return lines().stream().filter(type::isInstance).map(type::cast).toList();
    }

    @Test
    void shouldTellWhatARequestDropped() {
        byte[] request = invalidation();
        try (Recording recording = records.record(file);
                Unit unit = open()) {
            map(unit);
            Container container = container(unit);
            assertEquals(0, container.attach(DEVICE, TABLE, 3, new Completion()));
            assertEquals(TARGET, access(unit).spa());
            assertTrue(access(unit).hit());
            assertEquals(0, container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, new Completion()));
            assertFalse(access(unit).hit());
            assertEquals(1, recording.requests());
        }

        CacheEntry page = new CacheEntry("iotlb", 1, -1, IOVA, 4096, TARGET);
        List<RecordLine.Caches> caches = lines(RecordLine.Caches.class);
        assertTrue(
                caches.stream()
                        .anyMatch(line -> line.what() == RecordLine.Caches.What.FILL
                                && line.entries().stream().anyMatch(entry -> isPage(entry, page))),
                caches::toString);
        assertTrue(
                caches.stream()
                        .anyMatch(line -> line.what() == RecordLine.Caches.What.DROP
                                && line.entries().stream().anyMatch(entry -> isPage(entry, page))),
                caches::toString);
        // The hit is not there, the walk after the invalidation is.
        assertEquals(2, lines(RecordLine.Access.class).size());
        assertEquals(3, lines(RecordLine.Memory.class).size());
        assertEquals(1, lines(RecordLine.UnitClosed.class).size());
        RecordLine.UnitOpened opened = lines(RecordLine.UnitOpened.class).get(0);
        assertEquals("Intel VT-d", opened.bundle());
        assertEquals(BUILT, opened.version());
        assertFalse(opened.registers().isEmpty());
    }

    private static boolean isPage(CacheEntry entry, CacheEntry page) {
        return entry.cache().equals(page.cache()) && entry.iova() == page.iova() && entry.pa() == page.pa();
    }

    @Test
    void shouldPlayEveryKindOfCall() {
        byte[] request = invalidation();
        byte[] unknown = invalidation();
        unknown[4] = 0;
        try (Recording recording = records.record(file);
                Unit unit = open()) {
            long pages = unit.platform().allocatePages(2);
            map(unit);
            unit.platform().memory().writeIntLe(pages, 7);
            unit.platform().memory().writeLongBe(pages + 8, 7);
            Container container = container(unit);
            Container other = container(unit);
            assertThrows(
                    BackendException.class,
                    () -> unit.openContainer(ContainerConfig.of(Offer.exactly(IommuModel.INTEL, 0x7777))));
            container.attach(DEVICE, TABLE, 3, new Completion());
            other.attach(DEVICE, new Completion());
            access(unit);
            RequestBatch batch = new RequestBatch(3);
            batch.add(request, 0, request.length);
            batch.add(unknown, 0, unknown.length);
            batch.add(request, 0, request.length);
            assertEquals(2, container.submit(batch));
            container.ioctl(0, request, 0, request.length, new Completion());
            container.ioctl(Uapi.VFIO_IOMMU_OP, null, 0, 10, new Completion());
            container.ioctl(Uapi.VFIO_IOMMU_OP, request, 5, request.length, new Completion());
            access(unit);
            unit.writeRegister(0x34, 4, 0x7f);
            unit.stepping(true);
            unit.step(1);
            unit.stepping(false);
            container.detach(DEVICE, new Completion());
            other.detach(DEVICE, new Completion());
            other.close();
            unit.platform().freePages(pages, 2);
            assertEquals(6, recording.requests());
        }

        RecordResult result = records.play(file, RecordOptions.DEFAULT);

        assertTrue(result.ok(), result::toText);
        assertEquals(3 + 3 + 3 + 2 + 2, result.of(Kind.ERRNO).compared(), result::toText);
        assertEquals(2, result.of(Kind.AGREEMENT).compared());
        assertEquals(2, result.of(Kind.ACCESS).compared(), result::toText);
        assertTrue(result.notPlayed().isEmpty(), result::toText);
        assertTrue(result.notes().isEmpty(), result::toText);
    }

    @Test
    void shouldLeaveOutWhatASwapTookAway() {
        byte[] request = invalidation();
        PlainBundles bundles = new PlainBundles(core, "vendor", "1.0.5", VtdBackend::new);
        assertEquals("vendor", bundles.symbolicName(IommuModel.INTEL));
        try (Recording recording = records.record(file);
                Unit unit = open()) {
            map(unit);
            Container container = container(unit);
            container.attach(DEVICE, TABLE, 3, new Completion());
            access(unit);
            core.swap(IommuModel.INTEL, "1.0.5", SwapLimits.DEFAULT);
            container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, new Completion());
            core.swap(IommuModel.INTEL, BUILT, SwapLimits.DEFAULT);
            assertEquals(1, recording.units());
        }

        RecordResult result = records.play(file, RecordOptions.DEFAULT);

        assertTrue(result.ok(), result::toText);
        assertEquals(0, result.drops().both());
        assertTrue(result.drops().onlyPlayed() > 0, result::toText);
        assertEquals(List.of("Intel VT-d " + BUILT, "Intel VT-d 1.0.5"), result.recordedWith());
    }

    @Test
    void shouldKeepEveryClientsLimitWhileASwapIsHeld() throws Exception {
        CountDownLatch holds = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        core.arrived(restoringAfter("1.0.5", holds, goOn));
        byte[] request = invalidation();
        ExecutorService clients = Executors.newCachedThreadPool();
        try (Recording recording = records.record(file);
                Unit unit = open()) {
            map(unit);
            Offer offer = Offer.exactly(IommuModel.INTEL, 0x110);
            List<Container> impatient = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                impatient.add(unit.openContainer(new ContainerConfig(Abi.LP64_LE, offer, LIMIT_NANOS, 16)));
            }
            Container patient = container(unit);
            patient.attach(DEVICE, TABLE, 3, new Completion());
            access(unit);
            Future<SwapReport> swap =
                    clients.submit(() -> core.swap(IommuModel.INTEL, "1.0.5", new SwapLimits(HOLD_NANOS, HOLD_NANOS)));
            assertTrue(holds.await(10, TimeUnit.SECONDS));

            Future<Errno> waiting = clients.submit(() -> ask(patient, request));
            List<Future<Long>> waited = new ArrayList<>();
            for (Container container : impatient) {
                waited.add(clients.submit(() -> {
                    long begin = System.nanoTime();
                    assertTrue(ask(container, request) != Errno.OK);
                    return System.nanoTime() - begin;
                }));
            }
            // Memory has no gate: who writes it does not wait either.
            unit.platform().memory().writeLongLe(0x9000, 7);
            for (Future<Long> one : waited) {
                long nanos = one.get(20, TimeUnit.SECONDS);
                assertTrue(nanos < 3 * LIMIT_NANOS, nanos / 1_000_000 + " ms");
            }
            goOn.countDown();
            assertEquals(SwapReport.Outcome.DONE, swap.get(20, TimeUnit.SECONDS).outcome());
            assertEquals(Errno.OK, waiting.get(20, TimeUnit.SECONDS));
            assertEquals(Errno.OK, ask(patient, request));
            assertEquals(8, recording.requests());
        } finally {
            clients.shutdownNow();
        }

        List<Answer> answers = lines(RecordLine.Ioctl.class).stream()
                .map(RecordLine.Ioctl::answer)
                .toList();
        assertEquals(6, answers.stream().filter(Answer::turnedAway).count());
        assertEquals(
                List.of(false, true),
                answers.subList(6, 8).stream().map(Answer::known).toList());
        assertTrue(records.play(file, RecordOptions.DEFAULT).ok());
    }

    private static Errno ask(Container container, byte[] request) {
        Completion completion = new Completion();
        container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion);
        return completion.errno();
    }

    /** A backend that restores no driver until it is told to. */
    private static Backend restoringAfter(String version, CountDownLatch holds, CountDownLatch goOn) {
        return new ForwardingBackend(new VtdBackend(version)) {
            @Override
            public Translator restoreTranslator(Snapshot state, NativePort port) {
                if (!Thread.currentThread().getName().equals("iommu4j-trial")) {
                    holds.countDown();
                    try {
                        assertTrue(goOn.await(HOLD_NANOS, TimeUnit.NANOSECONDS));
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                }
                return super.restoreTranslator(state, port);
            }
        };
    }

    @Test
    void shouldPlayAgainstAnotherInstalledVersionAndReturn() {
        core.arrived(new VtdBackend("1.0.5"));
        try (Recording recording = records.record(file);
                Unit unit = open()) {
            container(unit);
            assertEquals(1, recording.units());
        }

        RecordResult result = records.play(file, RecordOptions.DEFAULT.withBackend("1.0.5", List.of()));
        assertEquals(List.of("Intel VT-d 1.0.5"), result.playedWith());
        RecordResult again = records.play(file, RecordOptions.DEFAULT);
        assertEquals(List.of("Intel VT-d " + BUILT), again.playedWith());
        UpgradeException missing = assertThrows(
                UpgradeException.class,
                () -> records.play(file, RecordOptions.DEFAULT.withBackend("3.0.0", List.of())));
        assertTrue(missing.getMessage().contains("version 3.0.0 of vendor is neither installed"), missing.getMessage());
        assertThrows(
                UpgradeException.class, () -> records.play(file, RecordOptions.DEFAULT.withBackend("new", List.of())));
    }

    @Test
    void shouldLeaveUnitsWithoutADriverAndUnitsOutsideTheRecordAlone() {
        try (Unit before = open();
                Recording recording = records.record(file);
                Unit bare = core.openUnit(UnitConfig.of(IommuModel.INTEL, HardwareConfig.of(0x110))
                        .withoutDriver())) {
            container(before).attach(DEVICE, new Completion());
            assertEquals(0, bare.readRegister(0x34, 4));
            assertEquals(0, recording.units());
        }
        assertEquals(1, lines().size());
    }

    @Test
    void shouldGoOnUnrecordedAfterTheRecordHasEnded() {
        Recording recording = records.record(file);
        Unit unit = open();
        Container container = container(unit);
        assertSame(container, unit.containers().get(0));
        assertSame(unit, core.units().get(0));
        recording.close();
        recording.close();
        List<byte[]> commands = new ArrayList<>();
        unit.tap(commands::add);
        map(unit);
        assertEquals(0, container.attach(DEVICE, TABLE, 3, new Completion()));
        assertEquals(TARGET, access(unit).spa());
        assertEquals(0, container.detach(DEVICE, new Completion()));
        assertFalse(commands.isEmpty());
        unit.close();

        assertEquals(0, lines(RecordLine.Attached.class).size());
        assertTrue(records.play(file, RecordOptions.DEFAULT).ok());
    }

    @Test
    void shouldShowNativeCommandsToTheClientToo() {
        List<byte[]> commands = new ArrayList<>();
        try (Recording recording = records.record(file);
                Unit unit = open()) {
            unit.tap(commands::add);
            byte[] request = invalidation();
            Container container = container(unit);
            container.attach(DEVICE, TABLE, 3, new Completion());
            container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, new Completion());
            assertEquals(1, recording.units());
        }
        assertFalse(commands.isEmpty());
        assertFalse(lines(RecordLine.Commands.class).isEmpty());
    }

    @Test
    void shouldRecordNoWriteThatTheMemoryRefuses() {
        try (Recording recording = records.record(file);
                Unit unit = open()) {
            PhysicalMemory memory = unit.platform().memory();
            assertThrows(BusErrorException.class, () -> memory.writeLongLe(1L << 60, 1));
            assertThrows(IndexOutOfBoundsException.class, () -> memory.write(0, new byte[4], 2, 4));
            memory.write(0x1000, new byte[10_000], 0, 10_000);
            assertEquals(0, memory.readLongLe(0x1000));
            assertEquals(1, recording.units());
        }
        // 10000 bytes are three lines.
        assertEquals(3, lines(RecordLine.Memory.class).size());
    }

    @Test
    void shouldSayThatAFileCannotBeWritten() {
        UpgradeException refusal =
                assertThrows(UpgradeException.class, () -> records.record(directory.resolve("none/record")));
        assertTrue(refusal.getMessage().startsWith("cannot write "), refusal.getMessage());
    }

    @Test
    void shouldNotEndARecordThatCouldNotBeWritten() throws IOException {
        RecordWriter writer = new RecordWriter(new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                throw new IOException("the disk is full");
            }
        });
        for (int i = 0; i < 10_000 && !writer.hasFailed(); i++) {
            writer.write(new RecordLine.Swapped(i, "bundle", "version"));
        }
        assertTrue(writer.hasFailed());
        assertEquals(
                "the disk is full",
                assertThrows(IOException.class, writer::close).getMessage());

        RecordWriter given = new RecordWriter(file);
        given.fail("a call hangs");
        assertEquals(
                "a call hangs", assertThrows(IOException.class, given::close).getMessage());
        assertFalse(Files.exists(file));
        assertArrayEquals(new String[0], directory.toFile().list(), "something is left beside it");
    }

    @Test
    void shouldCutNothingOutOfALongRequestSilently() {
        byte[] request = new byte[RecordLine.MAX_REQUEST + 1];
        try (Recording recording = records.record(file);
                Unit unit = open()) {
            container(unit).ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, new Completion());
            assertEquals(1, recording.requests());
        }
        RecordResult result = records.play(file, RecordOptions.DEFAULT);
        assertTrue(result.ok());
        assertEquals(1, result.notPlayed().size(), result::toText);
        assertTrue(result.toText().contains("not all of it was recorded"), result::toText);
    }
}
