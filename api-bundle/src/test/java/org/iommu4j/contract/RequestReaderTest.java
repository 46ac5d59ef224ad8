package org.iommu4j.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.iommu4j.layout.Layout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class RequestReaderTest {
    private static final byte[] NONE = new byte[0];

    private final Completion completion = new Completion();

    @Test
    void shouldAcceptZeroBytesBehindTheVendorPartAndBehindTheData() {
        byte[] bytes = Arrays.copyOf(writer(0x0110).invalidate(0, 0, 0, 0, 0, new byte[16]), 76 + 5 + 7);
        Uapi.LENGTH.put(bytes, 0, Abi.LP64_LE, 64 + 5);
        Uapi.ARGSZ.put(bytes, 0, Abi.LP64_LE, bytes.length);
        RequestReader reader = new RequestReader(SampleTerms.intel(Abi.LP64_LE));

        assertEquals(Uapi.INVAL_IOTLB, read(reader, bytes));
        assertEquals(16, reader.invalidate().payloadLength());
        assertEquals(60, reader.invalidate().payloadOffset());
    }

    @Test
    void shouldIgnoreReadableBytesBehindTheArgument() {
        byte[] bytes = Arrays.copyOf(writer(0x0110).invalidate(0, 0, 0, 0, 0, NONE), 200);
        Arrays.fill(bytes, 60, 200, (byte) 0xFF);

        assertEquals(Uapi.INVAL_IOTLB, read(new RequestReader(SampleTerms.intel(Abi.LP64_LE)), bytes));
    }

    @Test
    void shouldReadFromAnyOffsetAndKeepWhatItHasRead() {
        byte[] memory = new byte[100];
        int length = writer(0x0110).invalidate(memory, 13, 0, 0, 0, 0, 0, new byte[20], 4, 16);
        RequestReader reader = new RequestReader(SampleTerms.intel(Abi.LP64_LE));

        assertEquals(Uapi.INVAL_IOTLB, reader.read(Uapi.VFIO_IOMMU_OP, memory, 13, length, completion));
        Arrays.fill(memory, (byte) -1);
        InvalidateRequest request = reader.invalidate();
        assertEquals(16, request.payloadLength());
        assertArrayEquals(
                new byte[16],
                Arrays.copyOfRange(request.payload(), request.payloadOffset(), request.payloadOffset() + 16));
    }

    @Test
    void shouldUseWhatItHasChecked() throws InterruptedException {
        RequestReader reader = new RequestReader(SampleTerms.intel(Abi.LP64_LE));
        byte[] right = writer(0x0110).invalidate(Uapi.SCOPE_VADDR, 0, 0, 0x1000, 0x1000, new byte[16]);
        byte[] wrong = writer(0x0110).invalidate(0, Uapi.FLAGS_NO_PASID, 0, 0, 0, new byte[16]);
        byte[] bytes = right.clone();
        AtomicBoolean stopped = new AtomicBoolean();
        Thread other = new Thread(() -> {
            while (!stopped.get()) {
                System.arraycopy(wrong, 0, bytes, 0, wrong.length);
                System.arraycopy(right, 0, bytes, 0, right.length);
            }
        });
        other.start();
        try {
            for (int i = 0; i < 200_000; i++) {
                if (read(reader, bytes) == Uapi.INVAL_IOTLB) {
                    InvalidateRequest request = reader.invalidate();
                    assertEquals(request.selectsRange(), request.size() != 0);
                    assertTrue(request.selectsRange() || request.vaddr() == 0);
                }
            }
        } finally {
            stopped.set(true);
            other.join();
        }
    }

    @Test
    void shouldReportOffsetsFromTheStartOfTheArgument() {
        byte[] memory = new byte[100];
        int length = writer(0x0110).invalidate(memory, 13, 4, 0, 0, 0, 0, NONE, 0, 0);

        new RequestReader(SampleTerms.intel(Abi.LP64_LE)).read(Uapi.VFIO_IOMMU_OP, memory, 13, length, completion);

        assertEquals("scope", completion.field());
        assertEquals(12, completion.offset());
        assertTrue(completion.toString().startsWith("EOPNOTSUPP V12 scope at byte 12 = 0x4: "), completion::toString);
    }

    @ParameterizedTest
    @ValueSource(ints = {Integer.MIN_VALUE, -1, 77, 1000, Integer.MAX_VALUE})
    void shouldAnswerEfaultForAnOffsetOutsideTheMemory(int offset) {
        byte[] bytes = writer(0x0110).invalidate(0, 0, 0, 0, 0, new byte[16]);
        RequestReader reader = new RequestReader(SampleTerms.intel(Abi.LP64_LE));

        assertEquals(Errno.EFAULT.code(), reader.read(Uapi.VFIO_IOMMU_OP, bytes, offset, 76, completion));
        assertEquals(Rule.V2, completion.rule());
    }

    @Test
    void shouldNotBelieveThatMoreIsReadableThanThereIs() {
        byte[] bytes = Arrays.copyOf(writer(0x0110).invalidate(0, 0, 0, 0, 0, new byte[16]), 70);
        RequestReader reader = new RequestReader(SampleTerms.intel(Abi.LP64_LE));

        assertEquals(Errno.EFAULT.code(), reader.read(Uapi.VFIO_IOMMU_OP, bytes, 0, Integer.MAX_VALUE, completion));
        assertEquals(Rule.V4, completion.rule());
        assertEquals(Errno.EFAULT.code(), reader.read(Uapi.VFIO_IOMMU_OP, bytes, 0, -5, completion));
        assertEquals(Rule.V2, completion.rule());
    }

    @Test
    void shouldKnowPowerpcsNumberOnSpaprBesideTheGenericOne() {
        Terms terms = new Terms(Abi.LP64_BE, IommuModel.SPAPR, 3, Set.of(0, 32), 0, 0, List.of());
        RequestReader reader = new RequestReader(terms);
        byte[] bytes = new RequestWriter(Abi.LP64_BE, IommuModel.SPAPR, 3).invalidate(2, 0, 0, 5, 7, NONE);

        assertEquals(Uapi.INVAL_IOTLB, reader.read(0x3b7c, bytes, 0, bytes.length, completion));
        assertEquals(Uapi.INVAL_IOTLB, reader.read(0x20003b7c, bytes, 0, bytes.length, completion));
        assertEquals(-25, reader.read(0x40003b7c, bytes, 0, bytes.length, completion));
    }

    @Test
    void shouldAcceptARangeThatEndsAtTheTop() {
        RequestReader reader = new RequestReader(SampleTerms.intel(Abi.LP64_LE));

        assertEquals(Uapi.INVAL_IOTLB, read(reader, writer(0x0110).invalidate(2, 1, 0, -0x1000L, 0x1000, NONE)));
        assertEquals(-1L, reader.invalidate().lastVaddr());
        assertEquals(Uapi.INVAL_IOTLB, read(reader, writer(0x0110).invalidate(2, 1, 0, 0, -0x1000L, NONE)));
    }

    @Test
    void shouldAcceptARangeOfAllPasids() {
        RequestReader reader = new RequestReader(SampleTerms.intel(Abi.LP64_LE));

        assertEquals(Uapi.INVAL_IOTLB, read(reader, writer(0x0110).invalidate(2, 0, 0, 0x1000, 0x1000, NONE)));
        assertNull(completion.rule());
    }

    @Test
    void shouldLeaveAPasidOfAModelWithoutPasidsToItsTranslator() {
        Terms terms = new Terms(Abi.LP64_LE, IommuModel.S390, 2, Set.of(0), 0, 0, List.of());
        RequestReader reader = new RequestReader(terms);
        RequestWriter writer = new RequestWriter(Abi.LP64_LE, IommuModel.S390, 2);

        assertEquals(Uapi.INVAL_IOTLB, read(reader, writer.invalidate(1, 0, 0xFFFFF, 0, 0, NONE)));
        assertEquals(Errno.EINVAL.code(), read(reader, writer.invalidate(1, 0, 0x100000, 0, 0, NONE)));
        assertEquals(Rule.V17, completion.rule());
    }

    @Test
    void shouldHoldAPasidToTheModelsWidth() {
        Terms terms = new Terms(Abi.LP64_LE, IommuModel.AMD, 2, Set.of(0), 12, 16, List.of());
        RequestWriter writer = new RequestWriter(Abi.LP64_LE, IommuModel.AMD, 2);
        RequestReader reader = new RequestReader(terms);

        assertEquals(Uapi.INVAL_IOTLB, read(reader, writer.invalidate(1, 0, 0xFFFF, 0, 0, NONE)));
        assertEquals(Errno.EINVAL.code(), read(reader, writer.invalidate(1, 0, 0x10000, 0, 0, NONE)));
    }

    @Test
    void shouldTakeExactlyTheLengthsOfTheGeneration() {
        Terms terms = new Terms(Abi.LP64_LE, IommuModel.ARM_SMMU, 1, Set.of(-16), 12, 20, List.of());
        RequestWriter writer = new RequestWriter(Abi.LP64_LE, IommuModel.ARM_SMMU, 1);
        RequestReader reader = new RequestReader(terms);

        assertEquals(Uapi.INVAL_IOTLB, read(reader, writer.invalidate(0, 0, 0, 0, 0, new byte[16])));
        assertEquals(Uapi.INVAL_IOTLB, read(reader, writer.invalidate(0, 0, 0, 0, 0, new byte[160])));
        for (int wrong : new int[] {0, 8, 24, 161}) {
            assertEquals(Errno.EINVAL.code(), read(reader, writer.invalidate(0, 0, 0, 0, 0, new byte[wrong])));
            assertEquals(Rule.V33, completion.rule());
            assertEquals(wrong, completion.value());
        }
    }

    @Test
    void shouldReadABindAndAnUnbind() {
        RequestReader reader = new RequestReader(SampleTerms.intel(Abi.I386));
        byte[] payload = SampleTerms.LAYOUT.encode(0x1234, 0x5000);
        byte[] bytes = new RequestWriter(Abi.I386, IommuModel.INTEL, 0x0110).bind(Uapi.BIND_PGTABLE, 0x1_0001, payload);

        assertEquals(Uapi.BIND_PGTABLE, read(reader, bytes));
        BindRequest bind = reader.bind();
        assertEquals(Uapi.BIND_PGTABLE, bind.operation());
        assertEquals(0x0110, bind.subVersion());
        assertEquals(0x1_0001, bind.flags());
        assertTrue(bind.unbinds());
        assertEquals(32, bind.payloadOffset());
        assertEquals(16, bind.payloadLength());
    }

    @Test
    void shouldReadABindBehindZeroBytesOnlyBehindTheData() {
        RequestReader reader = new RequestReader(SampleTerms.intel(Abi.LP64_LE));
        byte[] bytes = Arrays.copyOf(writer(0x0110).bind(Uapi.BIND_PGTABLE, 0, new byte[16]), 60);
        Uapi.ARGSZ.put(bytes, 0, Abi.LP64_LE, 60);

        assertEquals(Uapi.BIND_PGTABLE, read(reader, bytes));
        Uapi.LENGTH.put(bytes, 0, Abi.LP64_LE, 48);
        assertEquals(Errno.EINVAL.code(), read(reader, bytes));
        assertEquals(Rule.V31, completion.rule());
    }

    @Test
    void shouldCheckABindByTheNewestFormatOfTheGeneration() {
        BindFormat first = SampleTerms.sampleBind(IommuModel.INTEL, 1);
        BindFormat second = new BindFormat(
                Uapi.BIND_PGTABLE,
                IommuModel.INTEL,
                5,
                0,
                Layout.named("wider").size(256).build());
        BindFormat foreign = SampleTerms.sampleBind(IommuModel.AMD, 0);
        List<BindFormat> formats = List.of(second, foreign, first);

        assertNull(terms(0, formats).bindFormat(Uapi.BIND_PGTABLE));
        assertSame(first, terms(4, formats).bindFormat(Uapi.BIND_PGTABLE));
        assertSame(second, terms(0x8000_0000, formats).bindFormat(Uapi.BIND_PGTABLE));
        assertNull(terms(5, formats).bindFormat(Uapi.BIND_PASID));
    }

    @Test
    void shouldReserveBindFieldsOfLaterGenerations() {
        byte[] payload = SampleTerms.LAYOUT.encode(SampleTerms.WIDTH.of(1), 0);
        RequestReader older = new RequestReader(terms(2, List.of(SampleTerms.sampleBind(IommuModel.INTEL, 1))));
        RequestReader newer = new RequestReader(terms(3, List.of(SampleTerms.sampleBind(IommuModel.INTEL, 1))));

        assertEquals(Errno.EINVAL.code(), read(older, writer(2).bind(Uapi.BIND_PGTABLE, 0, payload)));
        assertEquals(Rule.V34, completion.rule());
        assertEquals(Uapi.BIND_PGTABLE, read(newer, writer(3).bind(Uapi.BIND_PGTABLE, 0, payload)));
    }

    @ParameterizedTest
    @EnumSource(Abi.class)
    void shouldAllocateNothing(Abi abi) {
        RequestReader reader = new RequestReader(SampleTerms.intel(abi));
        RequestWriter writer = new RequestWriter(abi, IommuModel.INTEL, 0x0110);
        byte[] usual = writer.invalidate(3, 2, 0x45, 0x7f0000400000L, 0x200000, new byte[16]);
        byte[] unusual = Arrays.copyOf(usual, usual.length + 8);
        Uapi.ARGSZ.put(unusual, 0, abi, unusual.length);
        byte[] bind = writer.bind(Uapi.BIND_PGTABLE, 0, new byte[16]);
        byte[] wrong = writer.invalidate(3, 2, 0x45, 0x7f0000400001L, 0x200000, new byte[16]);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long thread = Thread.currentThread().getId();
        long lowest = Long.MAX_VALUE;

        // The lowest of several rounds: the virtual machine itself allocates for a thread now and then.
        for (int round = 0; round < 10 && lowest != 0; round++) {
            long before = threads.getThreadAllocatedBytes(thread);
            readAll(reader, usual, unusual, bind, wrong);
            lowest = Math.min(lowest, threads.getThreadAllocatedBytes(thread) - before);
        }

        assertEquals(0, lowest);
    }

    private void readAll(RequestReader reader, byte[] usual, byte[] unusual, byte[] bind, byte[] wrong) {
        int sum = 0;
        for (int i = 0; i < 1000; i++) {
            sum += read(reader, usual) + read(reader, unusual) + read(reader, bind) + read(reader, wrong);
        }
        assertEquals(1000 * (8 + 8 + 4 - 22), sum);
    }

    private int read(RequestReader reader, byte[] bytes) {
        return reader.read(Uapi.VFIO_IOMMU_OP, bytes, 0, bytes.length, completion);
    }

    private static RequestWriter writer(int subVersion) {
        return new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, subVersion);
    }

    private static Terms terms(int subVersion, List<BindFormat> formats) {
        return new Terms(Abi.LP64_LE, IommuModel.INTEL, subVersion, Set.of(0, 16), 12, 20, formats);
    }
}
